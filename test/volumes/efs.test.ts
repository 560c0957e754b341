/** What LONGSHORE_EFS may say, and which place a volume means. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EfsError, locateEfs, parseEfsFileSystems, readEfsFileSystems } from '../../core/efs.ts';
import { readSettings, SettingError } from '../../core/settings.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const fileSystemId = 'fs-0123456789abcdef0';
const accessPointId = 'fsap-0123456789abcdef0';
const mapping = (source: string) =>
  JSON.stringify({ [fileSystemId]: { source, accessPoints: { [accessPointId]: '/a/b/' } } });

describe('the mapping', () => {
  it.each([
    ['/srv/efs', { kind: 'directory', path: '/srv/efs' }],
    ['nfs://10.0.0.5/exports/data', { kind: 'nfs', server: '10.0.0.5', path: '/exports/data' }],
    ['nfs://[fd00::1]/', { kind: 'nfs', server: 'fd00::1', path: '/' }],
  ])('knows %s', (source, expected) => {
    expect(locateEfs(parseEfsFileSystems(mapping(source)), { fileSystemId })).toEqual({
      source: expected,
      subPath: [],
    });
    const short = parseEfsFileSystems(JSON.stringify({ [fileSystemId]: source }));
    expect(locateEfs(short, { fileSystemId }).source).toEqual(expected);
  });

  it.each([
    '{',
    '[]',
    '{"fs-1": "/srv"}',
    '{"fs-00000000": "/"}',
    '{"fs-00000000": "srv"}',
    '{"fs-00000000": "/srv/../etc"}',
    '{"fs-00000000": "nfs://host"}',
    '{"fs-00000000": "nfs://host,x=1/path"}',
    '{"fs-00000000": 7}',
    '{"fs-00000000": {"accessPoints": {}}}',
    '{"fs-00000000": {"source": "/srv", "acessPoints": {}}}',
    '{"fs-00000000": {"source": "/srv", "accessPoints": {"x": "/"}}}',
    '{"fs-00000000": {"source": "/srv", "accessPoints": {"fsap-00000000": "/../x"}}}',
  ])('%s is refused with a sentence that names the setting', (text) => {
    expect(() => parseEfsFileSystems(text)).toThrow(EfsError);
    expect(() => parseEfsFileSystems(text)).toThrow(/^LONGSHORE_EFS[^\n]*\.$/);
  });

  it('may be a file that changes, and is judged at start when it is not', async () => {
    const file = join(await temporaryDirectory(), 'efs.json');
    expect(() => readEfsFileSystems(file)).toThrow(/cannot be read \(ENOENT\)/);
    await writeFile(file, mapping('/srv/one'));
    expect(readEfsFileSystems(file).get(fileSystemId)?.source).toMatchObject({ path: '/srv/one' });
    await writeFile(file, mapping('/srv/two'));
    expect(readEfsFileSystems(file).get(fileSystemId)?.source).toMatchObject({ path: '/srv/two' });
    expect(readSettings({ LONGSHORE_EFS: file }).efs).toBe(file);
    expect(readSettings({ LONGSHORE_EFS: mapping('/srv') }).efs).toBe(mapping('/srv'));
    expect(() => readSettings({ LONGSHORE_EFS: '{"fs-1": "/srv"}' })).toThrow(SettingError);
  });
});

describe('a volume', () => {
  const known = parseEfsFileSystems(mapping('/srv/efs'));

  it.each([
    [{}, []],
    [{ rootDirectory: '/' }, []],
    [{ rootDirectory: '/x//y/./z/' }, ['x', 'y', 'z']],
    [{ authorizationConfig: { accessPointId } }, ['a', 'b']],
  ])('that says %j lies at %j', (more, subPath) => {
    expect(locateEfs(known, { fileSystemId, ...more }).subPath).toEqual(subPath);
  });

  it.each([
    [{ fileSystemId: 'fs-99999999' }, /fs-99999999.*LONGSHORE_EFS/],
    [{ fileSystemId, authorizationConfig: { accessPointId: 'fsap-99999999' } }, /fsap-99999999.*LONGSHORE_EFS/],
    [{ fileSystemId, rootDirectory: '/x/..' }, /leads out/],
  ])('that says %j has no place', (volume, message) => {
    expect(() => locateEfs(known, volume)).toThrow(message);
  });

  it('never leads out, whatever its root directory', () => {
    const names = fc.array(fc.constantFrom('..', '.', '', 'a', 'b', '...', '/', '\0'), { maxLength: 6 });
    fc.assert(
      fc.property(names, (parts) => {
        const rootDirectory = `/${parts.join('/')}`;
        let subPath: readonly string[] = [];
        try {
          subPath = locateEfs(known, { fileSystemId, rootDirectory }).subPath;
        } catch (error) {
          expect(error).toBeInstanceOf(EfsError);
        }
        expect(subPath.filter((name) => ['..', '.', ''].includes(name) || /[/\0]/.test(name))).toEqual([]);
      }),
    );
  });
});
