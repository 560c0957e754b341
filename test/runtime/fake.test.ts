/** The fake driver keeps the contract too; what is its own is told below. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ContainerConfig, type Driver, DriverError } from '../../runtime/driver.ts';
import type { FakeClock } from '../../runtime/fake/driver.ts';
import { createFakeDriver } from '../../runtime/fake/driver.ts';
import { describeDriver, expectKind } from './driver.suite.ts';
import { plainContainer } from './suite-tools.ts';

const networkRange = { subnet: '10.213.0.0/22', gateway: '10.213.0.1' };
let stateFolder = '';

describeDriver('fake driver', {
  async setUp() {
    stateFolder = await mkdtemp(join(tmpdir(), 'longshore-fake-'));
    return { image: 'simulated:latest', tearDown: () => rm(stateFolder, { recursive: true }) };
  },
  create: async (owner) => createFakeDriver({ networkRange, stateFile: join(stateFolder, owner) }),
  programs: {
    exits: (code) => ({ environment: { FAKE_RUN_FOR_MS: '0', FAKE_EXIT_CODE: String(code) } }),
    runs: {},
    ignoresStop: { environment: { FAKE_IGNORE_SIGTERM: '1' } },
    prints: (text) => ({ environment: { FAKE_OUTPUT: text, FAKE_RUN_FOR_MS: '0' } }),
    cannotStart: { environment: { FAKE_FAIL_AT: 'start' } },
  },
  real: false,
});

function container(name: string, environment: Record<string, string> = {}): ContainerConfig {
  return { ...plainContainer('s', name, 'simulated'), environment };
}

const sandbox = { id: 's', hostname: 'h', limits: {}, labels: {} };

/** Time that moves only when it is told to. */
function handClock(): FakeClock & { advance(milliseconds: number): void } {
  let now = 1_000_000;
  let timers: { at: number; action: () => void }[] = [];
  return {
    now: () => now,
    after(milliseconds, action) {
      const timer = { at: now + milliseconds, action };
      timers.push(timer);
      return () => {
        timers = timers.filter((each) => each !== timer);
      };
    },
    advance(milliseconds) {
      now += milliseconds;
      const due = timers.filter(({ at }) => at <= now);
      timers = timers.filter(({ at }) => at > now);
      for (const { action } of due) action();
    },
  };
}

describe('simulation', () => {
  it('runs for as long as it is told, by the clock that it is given', async () => {
    const clock = handClock();
    const driver = createFakeDriver({
      networkRange,
      clock,
      behaviour: () => ({ runForMilliseconds: 500, exitCode: 4 }),
    });
    await driver.open();
    await driver.createSandbox(sandbox);
    const handle = await driver.createContainer(container('c'));
    const { startedAt } = await driver.startContainer(handle);
    const wait = driver.waitContainer(handle);
    clock.advance(499);
    expect((await driver.inspectContainer(handle))?.status).toBe('running');
    clock.advance(1);
    expect(await wait).toEqual({ exitCode: 4, oomKilled: false, finishedAt: startedAt + 500 });
  });

  it.each([
    ['pull:image-unauthorized', 'image-unauthorized'],
    ['sandbox', 'create'],
    ['create', 'create'],
    ['start:engine', 'engine'],
  ] as const)('fails at %s with %s', async (failAt, kind) => {
    const driver = createFakeDriver({ networkRange });
    await driver.open();
    const config = container('c', { FAKE_FAIL_AT: failAt, FAKE_ERROR: 'because' });
    const launch = async () => {
      await driver.pullImage({
        image: 'i',
        policy: 'default',
        platform: { os: 'linux', architecture: 'amd64' },
        container: config,
      });
      await driver.createSandbox({ ...sandbox, containers: [config] });
      await driver.startContainer(await driver.createContainer(config));
    };
    expect((await expectKind(launch(), kind)).message).toBe('because');
  });

  it('says 137 and why when memory ran out', async () => {
    const driver = createFakeDriver({ networkRange });
    await driver.createSandbox(sandbox);
    const handle = await driver.createContainer(container('c', { FAKE_OOM: '1', FAKE_RUN_FOR_MS: '0' }));
    await driver.startContainer(handle);
    expect(await driver.waitContainer(handle)).toMatchObject({ exitCode: 137, oomKilled: true });
  });

  it('gives out every address of the range and no more, and takes them back', async () => {
    const driver = createFakeDriver({ networkRange: { subnet: '10.9.8.0/29', gateway: '10.9.8.1' } });
    const all = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((id) => driver.createSandbox({ ...sandbox, id })));
    expect(all.map(({ ipv4Address }) => ipv4Address)).toEqual([2, 3, 4, 5, 6].map((last) => `10.9.8.${last}`));
    await expectKind(driver.createSandbox({ ...sandbox, id: 'f' }), 'create');
    await driver.removeSandbox('b');
    expect((await driver.createSandbox({ ...sandbox, id: 'f' })).ipv4Address).toBe('10.9.8.3');
  });

  it('launches thousands', async () => {
    const driver = createFakeDriver({ networkRange: { subnet: '10.0.0.0/16', gateway: '10.0.0.1' } });
    for (let index = 0; index < 5000; index += 1) {
      const id = `s${index}`;
      await driver.createSandbox({ ...sandbox, id });
      await driver.startContainer(await driver.createContainer({ ...container('c'), sandboxId: id }));
    }
    expect(await driver.recover()).toHaveLength(5000);
    expect((await driver.clean()).containers).toBe(10_000);
  });
});

describe('a process that dies', () => {
  let folder = '';
  let driver: Driver;
  const clock = handClock();
  const again = async () => {
    const next = createFakeDriver({ networkRange, clock, stateFile: join(folder, 'state') });
    await next.open();
    return next;
  };
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'longshore-fake-'));
    driver = await again();
    await driver.createSandbox({ ...sandbox, labels: { task: 't' } });
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('leaves containers that end meanwhile with their own exit code and time', async () => {
    const short = await driver.createContainer(container('short', { FAKE_RUN_FOR_MS: '1000', FAKE_EXIT_CODE: '6' }));
    const long = await driver.createContainer(container('long', { FAKE_RUN_FOR_MS: '9000' }));
    const { startedAt } = await driver.startContainer(short);
    await driver.startContainer(long);
    await driver.close();
    clock.advance(5000);
    const next = await again();
    expect(await next.waitContainer(short)).toEqual({ exitCode: 6, oomKilled: false, finishedAt: startedAt + 1000 });
    const wait = next.waitContainer(long);
    clock.advance(4000);
    expect((await wait).finishedAt).toBe(startedAt + 9000);
    expect((await next.recover())[0]?.labels).toEqual({ task: 't' });
  });

  it('does not make the state file grow without end', async () => {
    for (let index = 0; index < 3000; index += 1) {
      const handle = await driver.createContainer(container('c'));
      await driver.startContainer(handle);
      await driver.removeContainer(handle);
    }
    const kept = await driver.createContainer(container('kept'));
    const next = await again();
    expect((await next.recover())[0]?.containers.map(({ handle }) => handle)).toEqual([kept]);
  });
});

it('errors say whether trying again may help', () => {
  expect(new DriverError('engine', '').retryable).toBe(true);
  expect(new DriverError('image-not-found', '').retryable).toBe(false);
});
