/**
 * AWS Query: the operation and its input as form fields (`Tags.member.1.Key=…`), answers and errors as XML.
 * https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
 */
import { isUtf8 } from 'node:buffer';
import { AwsError, type ErrorAnswer } from '../errors.ts';
import { formToJson } from './query-form.ts';
import type { Service } from './service.ts';
import { serializationError } from './validation.ts';
import type { WireProtocol, WireRequest } from './wire.ts';
import { element, escapeXml, xmlOf } from './xml.ts';

const mediaType = /^application\/x-www-form-urlencoded\s*(;|$)/i;
const headers = { 'content-type': 'text/xml' } as const;

export const queryProtocol: WireProtocol = {
  methods: ['POST', 'GET'],

  speaks: (request) =>
    request.method === 'GET'
      ? new URLSearchParams(queryOf(request)).has('Action')
      : mediaType.test(request.headers.get('content-type') ?? ''),

  /** Nothing but the signature says in a header whose operation it is. */
  recognise(request, services) {
    const name = signingName(request);
    return services.find((service) => service.protocol === 'awsQuery' && service.signingName === name);
  },

  operation(request, body, service) {
    const fields = fieldsOf(request, body);
    const [name, version] = [fields.get('Action') ?? '', fields.get('Version')];
    const operation = service.operations.get(name);
    if (!operation || (version !== undefined && version !== service.version))
      throw new AwsError(
        'InvalidAction',
        `Could not find operation ${name || 'NULL'} for version ${version ?? 'NO_VERSION_SPECIFIED'}`,
      );
    return operation;
  },

  decode({ operation }, body, request) {
    return operation.readJson(formToJson(operation.input, fieldsOf(request, body)));
  },

  encode({ service, operation: { name, output: schema } }, output, requestId) {
    const result = xmlOf(schema, output);
    const body = element(
      `${name}Response`,
      `${result === undefined ? '' : element(`${name}Result`, result)}${metadata(requestId)}`,
      service.namespace,
    );
    return { status: 200, headers, body };
  },

  encodeError(service, error, requestId) {
    const { code, status } = nameOf(service, error);
    const content = [
      element('Type', status >= 500 ? 'Receiver' : 'Sender'),
      element('Code', escapeXml(code)),
      element('Message', escapeXml(error.message)),
    ].join('');
    const body = element(
      'ErrorResponse',
      `${element('Error', content)}${element('RequestId', requestId)}`,
      service?.namespace,
    );
    return { status, headers, body };
  },
};

/** What Query services call the errors that come before any operation. */
const commonErrors: Readonly<Record<string, { readonly code: string; readonly status: number }>> = {
  UnrecognizedClientException: { code: 'InvalidClientTokenId', status: 403 },
  InvalidSignatureException: { code: 'SignatureDoesNotMatch', status: 403 },
  MissingAuthenticationTokenException: { code: 'MissingAuthenticationToken', status: 403 },
  IncompleteSignatureException: { code: 'IncompleteSignature', status: 400 },
  ExpiredTokenException: { code: 'ExpiredToken', status: 403 },
  UnknownOperationException: { code: 'InvalidAction', status: 400 },
  SerializationException: { code: 'MalformedInput', status: 400 },
  ServerException: { code: 'InternalFailure', status: 500 },
};

function nameOf(service: Service | undefined, { code, status, modelled }: ErrorAnswer) {
  if (modelled) return { code: service?.errorCode(code) ?? code, status };
  return commonErrors[code] ?? { code, status };
}

function metadata(requestId: string): string {
  return element('ResponseMetadata', element('RequestId', requestId));
}

function signingName(request: WireRequest): string | undefined {
  const authorization = request.headers.get('authorization');
  const credential =
    authorization === undefined
      ? new URLSearchParams(queryOf(request)).get('X-Amz-Credential')
      : /\bCredential=([^,\s]+)/.exec(authorization)?.[1];
  return credential?.split('/')[3];
}

function queryOf({ url }: WireRequest): string {
  const question = url.indexOf('?');
  return question < 0 ? '' : url.slice(question + 1);
}

/** Of a repeated field the last one counts. */
function fieldsOf(request: WireRequest, body: Buffer): ReadonlyMap<string, string> {
  if (!isUtf8(body)) throw serializationError('The request body is not valid UTF-8.');
  return new Map([...new URLSearchParams(queryOf(request)), ...new URLSearchParams(body.toString('utf8'))]);
}
