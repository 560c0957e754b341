/** What a handler is: one SDK command's input and caller in, that command's output out. */
import type { CommandIO } from '@smithy/types';
import type { Scope } from '../core/scope.ts';

/** Who asks, as the signature proved it. */
export interface Caller extends Scope {
  /** ARN of the principal, for example `arn:aws:iam::000000000000:root`. */
  readonly arn: string;
  readonly accessKeyId: string;
}

export interface RequestContext {
  readonly caller: Caller;
  readonly requestId: string;
  /** Where the client found the API, for example `https://longshore.example:4566`. */
  readonly origin: string;
}

export type Handler<Input, Output> = (input: Input, context: RequestContext) => Promise<Output>;

/** Handlers by operation name, typed by the commands that an AWS SDK package exports. */
export type HandlersOf<Sdk> = {
  [Name in keyof Sdk as Name extends `${infer Operation}Command` ? Operation : never]?: Sdk[Name] extends new (
    // biome-ignore lint/suspicious/noExplicitAny: commands differ in their constructor's arguments; only the result matters
    ...args: any
  ) => CommandIO<infer Input, infer Output>
    ? Handler<Input, Omit<Output, '$metadata'>>
    : never;
};
