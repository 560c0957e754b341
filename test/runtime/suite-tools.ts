/** What the parts of the driver suite share. */
import { expect } from 'vitest';
import {
  type ContainerConfig,
  type ContainerHandle,
  type Driver,
  DriverError,
  type DriverErrorKind,
  type Sandbox,
  type SandboxConfig,
} from '../../runtime/driver.ts';

export type Program = Partial<ContainerConfig>;

export interface Programs {
  readonly exits: (code: number) => Program;
  /** Runs until it is told to stop. */
  readonly runs: Program;
  readonly ignoresStop: Program;
  readonly prints: (text: string) => Program;
  readonly cannotStart: Program;
}

/** What parts of the suite that have files of their own work with. */
export interface SuiteTools {
  readonly real: boolean;
  readonly noHostDirectories: string | undefined;
  readonly programs: Programs;
  readonly driver: () => Driver;
  /** A second driver of the same owner, not opened yet. */
  readonly another: () => Promise<Driver>;
  readonly newSandbox: (config?: Partial<SandboxConfig>) => Promise<Sandbox>;
  readonly containerConfig: (sandboxId: string, config?: Program) => ContainerConfig;
  readonly start: (sandboxId: string, config: Program) => Promise<ContainerHandle>;
  readonly output: (handle: ContainerHandle) => Promise<{ readonly stdout: string; readonly stderr: string }>;
  readonly wrote: (handle: ContainerHandle, text: string) => Promise<void>;
}

/** A container that asks for nothing. */
export function plainContainer(sandboxId: string, name: string, image: string): ContainerConfig {
  return {
    sandboxId,
    name,
    image,
    environment: {},
    limits: {},
    ulimits: [],
    capabilities: { add: [], drop: [] },
    labels: {},
  };
}

export async function expectKind(work: Promise<unknown>, kind: DriverErrorKind): Promise<DriverError> {
  const error = await work.then(
    (value) => new Error(`expected ${kind}, but it succeeded: ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  );
  if (!(error instanceof DriverError)) throw error;
  expect(error.kind, error.message).toBe(kind);
  return error;
}
