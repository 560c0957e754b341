/** Which numbers a user's name stands for, by the files of an image. */
import { DriverError } from '../driver.ts';

export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
  readonly home: string;
}

/**
 * `wanted` is `user`, `uid`, either with `:group` or `:gid`, or nothing. `passwd` and `group` are the image's files.
 * @throws DriverError kind start, in the words of container engines
 */
export function resolveUser(wanted: string, passwd: string, group: string): ResolvedUser {
  const [user = '', wantedGroup = ''] = wanted.split(':');
  const users = rowsOf(passwd);
  const groups = rowsOf(group);
  const entry = users.find(([name, , uid]) => (user === '' ? uid === '0' : name === user || uid === user));
  const uid = entry ? Number(entry[2]) : numberOf(user || '0');
  if (uid === undefined)
    throw new DriverError('start', `unable to find user ${user}: no matching entries in passwd file`);
  const groupEntry = groups.find(
    ([name, , gid]) => wantedGroup !== '' && (name === wantedGroup || gid === wantedGroup),
  );
  const gid = wantedGroup === '' ? Number(entry?.[3] ?? 0) : groupEntry ? Number(groupEntry[2]) : numberOf(wantedGroup);
  if (gid === undefined)
    throw new DriverError('start', `unable to find group ${wantedGroup}: no matching entries in group file`);
  const name = entry?.[0];
  const additional = wantedGroup === '' && name !== undefined ? groupsOf(name, groups) : [];
  return { uid, gid, additionalGids: [...new Set(additional)], home: entry?.[5] || '/' };
}

function groupsOf(user: string, groups: readonly (readonly string[])[]): readonly number[] {
  return groups.flatMap(([, , gid, members = '']) => (members.split(',').includes(user) ? [Number(gid)] : []));
}

function rowsOf(file: string): readonly (readonly string[])[] {
  return file
    .split('\n')
    .map((line) => line.trim().split(':'))
    .filter((row) => row.length > 2 && /^\d+$/.test(row[2] ?? ''));
}

function numberOf(text: string): number | undefined {
  return /^\d{1,10}$/.test(text) && Number(text) < 2 ** 31 ? Number(text) : undefined;
}
