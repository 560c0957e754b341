/** A signed AWS JSON 1.1 request as the bytes that go over the wire: a signature holds for five minutes of sending it. */
import { createHash, createHmac } from 'node:crypto';

export interface Signer {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const target = 'AmazonEC2ContainerServiceV20141113';
const contentType = 'application/x-amz-json-1.1';
const signedHeaders = 'content-type;host;x-amz-date;x-amz-target';

export function signedRequest(signer: Signer, operation: string, input: object): Buffer {
  const { host } = new URL(signer.endpoint);
  const body = JSON.stringify(input);
  const date = new Date().toISOString().replace(/[-:]|\.\d{3}/g, '');
  const scope = `${date.slice(0, 8)}/${signer.region}/ecs/aws4_request`;
  const headers = [
    `content-type:${contentType}`,
    `host:${host}`,
    `x-amz-date:${date}`,
    `x-amz-target:${target}.${operation}`,
  ];
  const canonical = ['POST', '/', '', ...headers, '', signedHeaders, sha256(body)].join('\n');
  const toSign = ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n');
  const key = scope.split('/').reduce<string | Buffer>(hmac, `AWS4${signer.secretAccessKey}`);
  const signature = hmac(key, toSign).toString('hex');
  return Buffer.from(
    [
      'POST / HTTP/1.1',
      ...headers,
      `content-length:${Buffer.byteLength(body)}`,
      `authorization:AWS4-HMAC-SHA256 Credential=${signer.accessKeyId}/${scope}, SignedHeaders=${signedHeaders}, Signature=${signature}`,
      '',
      body,
    ].join('\r\n'),
  );
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
