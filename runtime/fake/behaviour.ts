/** How a simulated container behaves: said in code, or in the container's own environment. */
import { DriverError, type DriverErrorKind } from '../driver.ts';

export type FakeStep = 'pull' | 'sandbox' | 'create' | 'start';

export interface FakeBehaviour {
  readonly pullMilliseconds?: number;
  /** What the image's tag points to; a pull by digest does not ask. Default: made from the image's name. */
  readonly digest?: string;
  readonly startMilliseconds?: number;
  /** Absent: it runs until it is stopped. */
  readonly runForMilliseconds?: number;
  readonly exitCode?: number;
  readonly oomKilled?: boolean;
  readonly ignoreStopSignal?: boolean;
  readonly failAt?: { readonly step: FakeStep; readonly error: DriverError };
  /** Written to stdout when it starts. */
  readonly output?: string;
  /** What commands run in it answer, one after another; the last one stays. Default: healthy. */
  readonly health?: readonly FakeHealth[];
}

export type FakeHealth = 'healthy' | 'unhealthy' | 'hangs';

const healthWords: readonly string[] = ['healthy', 'unhealthy', 'hangs'] satisfies readonly FakeHealth[];

/** How the command ends that is run in a container after `before` others. */
export function execResult({ health = [] }: FakeBehaviour, before: number): number | 'hangs' {
  const word = health[Math.min(before, health.length - 1)] ?? 'healthy';
  return word === 'hangs' ? word : word === 'healthy' ? 0 : 1;
}

/** What is known of a container at every step, even before its image is pulled. */
export interface FakeSubject {
  readonly name: string;
  readonly image: string;
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * Reads FAKE_PULL_MS, FAKE_START_MS, FAKE_RUN_FOR_MS, FAKE_EXIT_CODE, FAKE_OOM, FAKE_IGNORE_SIGTERM, FAKE_OUTPUT,
 * FAKE_HEALTH (`healthy`, `unhealthy` or `hangs`, with commas between) and FAKE_FAIL_AT (a step, or a step and a kind
 * of error such as `pull:image-unauthorized`; FAKE_ERROR is its text).
 */
export function behaviourFrom(environment: Readonly<Record<string, string>>): FakeBehaviour {
  const number = (name: string) => {
    const value = Number(environment[name]);
    return environment[name] !== undefined && Number.isFinite(value) && value >= 0 ? value : undefined;
  };
  const flag = (name: string) => {
    const value = environment[name];
    return value === undefined ? undefined : value !== '' && value !== '0' && value !== 'false';
  };
  return withoutUndefined({
    pullMilliseconds: number('FAKE_PULL_MS'),
    startMilliseconds: number('FAKE_START_MS'),
    runForMilliseconds: number('FAKE_RUN_FOR_MS'),
    exitCode: number('FAKE_EXIT_CODE'),
    oomKilled: flag('FAKE_OOM'),
    ignoreStopSignal: flag('FAKE_IGNORE_SIGTERM'),
    output: environment.FAKE_OUTPUT,
    health: environment.FAKE_HEALTH?.split(',').filter((word): word is FakeHealth => healthWords.includes(word)),
    failAt: failureFrom(environment.FAKE_FAIL_AT, environment.FAKE_ERROR),
  });
}

const usualKind: Readonly<Record<FakeStep, DriverErrorKind>> = {
  pull: 'image-not-found',
  sandbox: 'create',
  create: 'create',
  start: 'start',
};

const kinds: Readonly<Record<DriverErrorKind, true>> = {
  'image-not-found': true,
  'image-name': true,
  'image-unauthorized': true,
  'image-platform': true,
  'image-registry': true,
  'image-disk': true,
  create: true,
  volume: true,
  start: true,
  engine: true,
  'not-found': true,
  'network-taken': true,
  cancelled: true,
};

function failureFrom(text: string | undefined, message: string | undefined): FakeBehaviour['failAt'] {
  const [step = '', kind = ''] = (text ?? '').split(':');
  if (!Object.hasOwn(usualKind, step)) return undefined;
  const known = Object.hasOwn(kinds, kind) ? (kind as DriverErrorKind) : usualKind[step as FakeStep];
  return { step: step as FakeStep, error: new DriverError(known, message ?? `simulated failure of ${step}`) };
}

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as T;
}
