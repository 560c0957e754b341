/** A service of the API: one SDK package, what answers its operations, and the forms its requests come in. */
import type { Schema } from '@smithy/types';
import type { Handler, HandlersOf } from '../operation.ts';
import type { ConstraintTable } from './constraint-table.ts';
import { encodeEventStream, eventStreamMember } from './event-stream.ts';
import { compileReader, encodeJson, errorSchemas, operationSchemas } from './schema.ts';

export type Protocol = 'awsJson1_1' | 'awsJson1_0' | 'awsQuery';

export interface ServiceDefinition<Sdk extends object> {
  /** For logs, for example `ecs`. */
  readonly name: string;
  /** The SDK package's namespace: `import * as ecs from '@aws-sdk/client-ecs'`. */
  readonly sdk: Sdk;
  readonly protocol: Protocol;
  /** With AWS JSON: what X-Amz-Target holds before the dot. */
  readonly targetPrefix?: string;
  /** With Query: the model's version, for example `2011-06-15`. */
  readonly version?: string;
  /** With Query: of the answers' XML. */
  readonly namespace?: string;
  /** The service's name in a signature's credential scope. */
  readonly signingName: string;
  readonly constraints: ConstraintTable;
  readonly handlers: HandlersOf<Sdk>;
  /** What a request answers that breaks the model's constraints. */
  readonly invalid: (message: string) => Error;
  /** What a modelled operation without a handler answers. */
  readonly unbuilt: (operation: string) => Error;
  /** True where a signature may leave the body out (S3's UNSIGNED-PAYLOAD). */
  readonly allowsUnsignedPayload?: boolean;
  /** Largest request body in bytes. Default 4 MiB. */
  readonly bodyLimit?: number;
}

export interface Operation {
  readonly name: string;
  readonly input: Schema;
  readonly output: Schema;
  /** Checks parsed JSON and builds the handler's input from it. */
  readonly readJson: (json: unknown) => unknown;
  readonly encodeJson: (output: unknown) => Buffer;
  /** Present where the answer is a stream of events instead. */
  readonly encodeEvents?: (output: unknown) => AsyncIterable<Uint8Array>;
  /** Answers the operation; throws `unbuilt` when nothing does. */
  readonly run: Handler<unknown, unknown>;
}

export interface Service {
  readonly name: string;
  readonly protocol: Protocol;
  readonly targetPrefix?: string | undefined;
  readonly version?: string | undefined;
  readonly namespace?: string | undefined;
  readonly signingName: string;
  readonly allowsUnsignedPayload: boolean;
  readonly bodyLimit: number;
  readonly operations: ReadonlyMap<string, Operation>;
  /** HTTP status of an exception that the service models; undefined: it does not. */
  errorStatus(name: string): number | undefined;
  /** What Query calls an exception that the service models. */
  errorCode(name: string): string | undefined;
  /** JSON of a modelled exception's members. */
  encodeErrorJson(name: string, error: Error): Buffer | undefined;
}

/** Routes every operation of the SDK's model; those without a handler answer `unbuilt`. */
export function defineService<Sdk extends object>(definition: ServiceDefinition<Sdk>): Service {
  const { name, sdk, targetPrefix, protocol, version, namespace, signingName, constraints, invalid, unbuilt } =
    definition;
  const handlers = definition.handlers as Readonly<Record<string, Handler<unknown, unknown> | undefined>>;
  const errors = new Map(errorSchemas(sdk).map((error) => [error.name, error]));
  const operations = new Map(
    operationSchemas(sdk).map(({ name, input, output }): [string, Operation] => {
      let reader: ((json: unknown) => unknown) | undefined;
      const events = eventStreamMember(output);
      return [
        name,
        {
          name,
          input,
          output,
          readJson: (json) => {
            // Compiled at first use: most operations of a large model are never called.
            reader ??= compileReader(input, constraints, invalid);
            return reader(json);
          },
          encodeJson: (value) => encodeJson(output, value),
          ...(events && { encodeEvents: (value) => encodeEventStream(output, events, value) }),
          run: handlers[name] ?? (() => Promise.reject(unbuilt(name))),
        },
      ];
    }),
  );
  for (const handled of Object.keys(handlers))
    if (!operations.has(handled))
      throw new Error(`${name} has a handler for ${handled}, which its model does not have`);
  return {
    name,
    targetPrefix,
    protocol,
    version,
    namespace,
    signingName,
    allowsUnsignedPayload: definition.allowsUnsignedPayload ?? false,
    bodyLimit: definition.bodyLimit ?? 4 * 2 ** 20,
    operations,
    errorStatus: (error) => errors.get(error)?.status,
    errorCode: (error) => errors.get(error)?.queryCode,
    encodeErrorJson: (error, thrown) => {
      const schema = errors.get(error)?.schema;
      if (schema === undefined) return undefined;
      const json = encodeJson(schema, { ...thrown, message: thrown.message, Message: thrown.message });
      // Some exceptions are modelled without any member; their message is told all the same.
      return json.length > '{}'.length ? json : undefined;
    },
  };
}
