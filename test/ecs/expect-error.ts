import { expect } from 'vitest';

/** Expects a call to be refused with this error, and with this message or part of it. */
export async function refused(call: Promise<unknown>, name: string, message: string | RegExp = /./): Promise<void> {
  const error = await call.then(
    (answer) => expect.fail(`expected ${name}, got ${JSON.stringify(answer)}`),
    (thrown: unknown) => thrown,
  );
  const httpStatusCode = name === 'AccessDeniedException' ? 403 : 400;
  expect(error).toMatchObject({ name, $metadata: { httpStatusCode } });
  if (typeof message === 'string') expect((error as Error).message).toBe(message);
  else expect((error as Error).message).toMatch(message);
}
