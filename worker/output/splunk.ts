/** The splunk driver: a container's output at a Splunk HTTP event collector. */
import { Agent as HttpAgent, request as httpRequest, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { ResourceError } from '../resource-error.ts';
import type { LogOptions } from './log-options.ts';
import { PermanentError, type Sink, type SinkEvent } from './sink.ts';

/** What an event says about where it comes from. */
export interface SplunkOrigin {
  /** The host's name in Splunk. */
  readonly host: string;
  /** What `{{.ID}}` and the like stand for in the option `tag`. */
  readonly tagValues: Readonly<Record<string, string>>;
}

const eventPath = '/services/collector/event/1.0';
const deliveryPatience = 30_000;

const known = new Set([
  'splunk-url',
  'splunk-token',
  'splunk-source',
  'splunk-sourcetype',
  'splunk-index',
  'splunk-caname',
  'splunk-insecureskipverify',
  'splunk-format',
  'splunk-verify-connection',
  'splunk-gzip',
  'splunk-gzip-level',
  'splunk-index-acknowledgment',
  'tag',
  'mode',
  'max-buffer-size',
]);

/** @throws ResourceError for options that cannot be honoured */
export function checkSplunkOptions(options: LogOptions): void {
  const wrong = (problem: string) =>
    new ResourceError(`failed to validate logger args: splunk: ${problem} : exit status 1`);
  const unknown = Object.keys(options).filter((option) => !known.has(option));
  if (unknown.length > 0) throw wrong(`unknown or unsupported log opt(s): ${unknown.join(', ')}`);
  const url = options['splunk-url'] ?? '';
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol) || !/^\/?$/.test(new URL(url).pathname))
    throw wrong(`splunk-url is "${url}", but must be of the form scheme://host:port`);
  if (!options['splunk-token']) throw wrong('splunk-token is expected');
  if (!['inline', 'json', 'raw'].includes(options['splunk-format'] ?? 'inline'))
    throw wrong(`Unknown format specified ${options['splunk-format']}, supported formats are inline, json and raw`);
  if (isTrue(options['splunk-index-acknowledgment'])) throw wrong('splunk-index-acknowledgment is not supported');
}

export function createSplunk(options: LogOptions, origin: SplunkOrigin) {
  const url = new URL(options['splunk-url'] ?? '');
  const secure = url.protocol === 'https:';
  const agent = secure
    ? new HttpsAgent({
        keepAlive: true,
        rejectUnauthorized: !isTrue(options['splunk-insecureskipverify']),
        ...(options['splunk-caname'] && { servername: options['splunk-caname'] }),
      })
    : new HttpAgent({ keepAlive: true });
  const level = Number(options['splunk-gzip-level'] ?? -1);

  async function send(method: string, body: string | undefined, signal: AbortSignal): Promise<number> {
    const zipped = body !== undefined && isTrue(options['splunk-gzip']);
    const bytes = zipped ? await promisify(gzip)(body, { level }) : Buffer.from(body ?? '');
    const request: RequestOptions = {
      method,
      agent,
      signal: AbortSignal.any([signal, AbortSignal.timeout(deliveryPatience)]),
      headers: {
        authorization: `Splunk ${options['splunk-token']}`,
        'content-length': bytes.length,
        ...(zipped && { 'content-encoding': 'gzip' }),
      },
    };
    return await new Promise((resolve, reject) => {
      const outgoing = (secure ? httpsRequest : httpRequest)(new URL(eventPath, url), request, (answer) => {
        answer.resume();
        answer.once('end', () => resolve(answer.statusCode ?? 0));
        answer.once('error', reject);
      });
      outgoing.once('error', reject);
      outgoing.end(bytes);
    });
  }

  return {
    /** @throws ResourceError when the collector refuses; other errors may be mended by trying again */
    async verify(signal: AbortSignal): Promise<void> {
      if (/^false$/i.test(options['splunk-verify-connection'] ?? 'true')) return;
      const status = await send('OPTIONS', undefined, signal);
      if (status !== 200)
        throw new ResourceError(
          `failed to validate logger args: splunk: failed to verify connection - ${status} : exit status 1`,
        );
    },

    sink: (): Sink => ({
      batch: { events: 1_000, bytes: 1_048_576, overhead: 200, span: Number.POSITIVE_INFINITY },
      longestMessage: 1_048_576 - 65_536,
      async deliver(events, signal) {
        const status = await send('POST', events.map((event) => eventOf(event, options, origin)).join(''), signal);
        if (status === 200) return;
        const problem = `the Splunk collector answered ${status}`;
        throw status >= 400 && status < 500 && status !== 429 ? new PermanentError(problem) : new Error(problem);
      },
      close: () => agent.destroy(),
    }),
  };
}

/** https://docs.docker.com/engine/logging/drivers/splunk/#message-formats */
function eventOf({ timestamp, message, source }: SinkEvent, options: LogOptions, origin: SplunkOrigin): string {
  const template = options.tag ?? '{{.ID}}';
  const tag = template.replace(/\{\{\s*\.(\w+)\s*\}\}/g, (text, name: string) => origin.tagValues[name] ?? text);
  const tagged = tag === '' ? {} : { tag };
  const format = options['splunk-format'] ?? 'inline';
  const event =
    format === 'raw'
      ? `${tag === '' ? '' : `${tag} `}${message}`
      : { line: format === 'json' ? jsonOr(message) : message, source, ...tagged };
  return JSON.stringify({
    event,
    time: (timestamp / 1000).toFixed(6),
    host: origin.host,
    ...(options['splunk-source'] && { source: options['splunk-source'] }),
    ...(options['splunk-sourcetype'] && { sourcetype: options['splunk-sourcetype'] }),
    ...(options['splunk-index'] && { index: options['splunk-index'] }),
  });
}

function jsonOr(message: string): unknown {
  try {
    return JSON.parse(message);
  } catch (error) {
    if (error instanceof SyntaxError) return message;
    throw error;
  }
}

function isTrue(text: string | undefined): boolean {
  return /^(true|1|t)$/i.test(text ?? '');
}
