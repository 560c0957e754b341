/** Handlers whose errors are turned into what their service calls them. */

type AnyHandler = (input: never, context: never) => Promise<unknown>;

export function translateErrors<Handlers extends object>(
  handlers: Handlers,
  translate: (error: unknown) => unknown,
): Handlers {
  const translated = Object.entries(handlers as Record<string, AnyHandler>).map(([name, handler]) => [
    name,
    async (input: never, context: never) => {
      try {
        return await handler(input, context);
      } catch (error) {
        throw translate(error);
      }
    },
  ]);
  return Object.fromEntries(translated);
}
