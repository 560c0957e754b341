/** AWS's event streams: an answer that goes on as framed messages, `application/vnd.amazon.eventstream`. */
import { EventStreamCodec } from '@smithy/core/event-streams';
import { NormalizedSchema } from '@smithy/core/schema';
import type { MessageHeaders, Schema } from '@smithy/types';
import { encodeJson } from './schema.ts';

export const eventStreamType = 'application/vnd.amazon.eventstream';

const codec = new EventStreamCodec(
  (bytes) => Buffer.from(bytes).toString('utf8'),
  (text) => Buffer.from(text, 'utf8'),
);

/** Name of the output's member that is a stream of events; undefined: it has none. */
export function eventStreamMember(output: Schema): string | undefined {
  const schema = NormalizedSchema.of(output);
  return schema.isStructSchema() ? schema.getEventStreamMember() || undefined : undefined;
}

/** An output whose `member` gives `{ eventName: event }` objects, as bytes. */
export async function* encodeEventStream(output: Schema, member: string, value: unknown): AsyncGenerator<Uint8Array> {
  const { [member]: events, ...first } = value as Readonly<Record<string, unknown>>;
  const schema = NormalizedSchema.of(output);
  yield message('initial-response', encodeJson(output, first));
  const union = schema.getMemberSchema(member);
  for await (const event of events as AsyncIterable<Readonly<Record<string, unknown>>>)
    for (const [name, content] of Object.entries(event))
      if (content !== undefined)
        yield message(name, encodeJson(union.getMemberSchema(name).getSchema() as Schema, content));
}

function message(type: string, body: Buffer): Uint8Array {
  const text = (value: string) => ({ type: 'string', value }) as const;
  const headers: MessageHeaders = {
    ':message-type': text('event'),
    ':event-type': text(type),
    ':content-type': text('application/json'),
  };
  return codec.encode({ headers, body });
}
