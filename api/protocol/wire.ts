/**
 * The forms that requests come in. A form recognises its requests by their headers, and turns bytes into a handler's
 * input and what a handler returned or threw into bytes. AWS JSON and Query are built; EC2 Query and CBOR are further
 * entries of `wireProtocols`, over the same services and handlers.
 */
import type { ErrorAnswer } from '../errors.ts';
import { jsonProtocol } from './json.ts';
import { queryProtocol } from './query.ts';
import type { Operation, Service } from './service.ts';

/** A request as it came, before anything is read into it. */
export interface WireRequest {
  readonly method: string;
  /** Path and query as sent, nothing decoded or normalised. */
  readonly url: string;
  /** Lower-case names; values of a repeated header joined by a comma. */
  readonly headers: ReadonlyMap<string, string>;
}

export interface WireAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AnswerBody;
}

/** What is generated while it is sent has no known length, and ends when the client goes. */
export type AnswerBody = Buffer | string | AsyncIterable<Uint8Array>;

export interface Target {
  readonly service: Service;
  readonly operation: Operation;
}

export interface WireProtocol {
  readonly methods: readonly ('POST' | 'GET')[];
  /** Whether a request has this form, whatever service it is for. */
  speaks(request: WireRequest): boolean;
  /** The service that a request of this form is for, by its headers alone; undefined: no such service. */
  recognise(request: WireRequest, services: readonly Service[]): Service | undefined;
  /**
   * Some forms name the operation in their body.
   * @throws AwsError UnknownOperationException
   */
  operation(request: WireRequest, body: Buffer, service: Service): Operation;
  /**
   * Whole body to input.
   * @throws AwsError SerializationException, or the service's own error for values that break its model
   */
  decode(target: Target, body: Buffer, request: WireRequest): unknown;
  encode(target: Target, output: unknown, requestId: string): WireAnswer;
  /** `service` is undefined when the request named none. */
  encodeError(service: Service | undefined, error: ErrorAnswer, requestId: string): WireAnswer;
}

export const wireProtocols: readonly WireProtocol[] = [jsonProtocol, queryProtocol];

/** The form of answers to requests that no form recognises. */
export const fallbackProtocol: WireProtocol = jsonProtocol;
