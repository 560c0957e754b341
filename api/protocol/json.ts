/** AWS JSON 1.0 and 1.1: the operation in X-Amz-Target, the input as a JSON object in the body. */
import { isUtf8 } from 'node:buffer';
import { AwsError, unknownOperation } from '../errors.ts';
import { eventStreamType } from './event-stream.ts';
import type { Service } from './service.ts';
import { serializationError } from './validation.ts';
import type { WireProtocol, WireRequest } from './wire.ts';

const mediaType = /^application\/x-amz-json-1\.[01]\s*(;|$)/i;

export const jsonProtocol: WireProtocol = {
  methods: ['POST'],

  speaks: ({ headers }) => mediaType.test(headers.get('content-type') ?? ''),

  recognise({ headers }, services) {
    const { prefix } = readTarget(headers);
    return services.find(({ targetPrefix }) => targetPrefix !== undefined && targetPrefix === prefix);
  },

  operation({ headers }, _body, service) {
    const operation = service.operations.get(readTarget(headers).name);
    if (!operation) throw unknownOperation();
    return operation;
  },

  decode({ operation }, body) {
    return operation.readJson(parseObject(body));
  },

  encode({ service, operation }, output) {
    if (operation.encodeEvents)
      return {
        status: 200,
        headers: { 'content-type': eventStreamType },
        body: operation.encodeEvents(output),
      };
    return { status: 200, headers: { 'content-type': contentType(service) }, body: operation.encodeJson(output) };
  },

  encodeError(service, { code, message, status, modelled }) {
    const type = JSON.stringify(code);
    const members = modelled && service?.encodeErrorJson(code, modelled);
    return {
      status,
      headers: { 'content-type': contentType(service), 'x-amzn-errortype': code },
      body: members ? withType(type, members) : `{"__type":${type},"message":${JSON.stringify(message)}}`,
    };
  },
};

function contentType(service: Service | undefined): string {
  return service?.protocol === 'awsJson1_0' ? 'application/x-amz-json-1.0' : 'application/x-amz-json-1.1';
}

/** `Prefix.Operation` */
function readTarget(headers: WireRequest['headers']): { readonly prefix: string; readonly name: string } {
  const target = headers.get('x-amz-target') ?? '';
  const dot = target.lastIndexOf('.');
  return { prefix: target.slice(0, Math.max(dot, 0)), name: target.slice(dot + 1) };
}

function parseObject(body: Buffer): object {
  if (!isUtf8(body)) throw serializationError('The request body is not valid UTF-8.');
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new AwsError('SerializationException', 'The request body is not valid JSON.', { cause: error });
  }
  if (Array.isArray(value)) throw serializationError('Start of list found where not expected');
  if (typeof value !== 'object' || value === null) throw serializationError('The request body is not a JSON object.');
  return value;
}

/** `{"a":1}` with `"__type"` put first. */
function withType(type: string, members: Buffer): string {
  const rest = members.toString('utf8', 1);
  return `{"__type":${type}${rest === '}' ? '' : ','}${rest}`;
}
