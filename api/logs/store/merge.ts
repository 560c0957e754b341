/** Many streams' events as one sequence in order; a stream is opened only when its turn comes. */
import { comparePositions, type Position } from './keys.ts';
import type { EventPages, StoredEvent } from './segment.ts';

export interface Source {
  /** Nothing in it comes before this, in the order of reading. */
  readonly bound: Position;
  open(): EventPages;
}

interface Head {
  /** The next event's position, or the bound of a source that is not open yet. */
  position: Position;
  readonly source: Source;
  pages?: EventPages;
  page: readonly StoredEvent[];
  index: number;
}

/** Whoever reads on may stop at any time; open sources are closed then. */
export async function* mergeSources(sources: readonly Source[], reverse: boolean): AsyncGenerator<StoredEvent[]> {
  const before = reverse
    ? (one: Head, other: Head) => comparePositions(one.position, other.position) > 0
    : (one: Head, other: Head) => comparePositions(one.position, other.position) < 0;
  const heap = createHeap(
    sources.map((source): Head => ({ position: source.bound, source, page: [], index: 0 })),
    before,
  );
  const open = new Set<EventPages>();
  try {
    let out: StoredEvent[] = [];
    for (;;) {
      const head = heap.top();
      if (head === undefined) break;
      const event = head.page[head.index];
      if (event === undefined) {
        if (out.length > 0) {
          // What is there is given away before something is waited for.
          yield out;
          out = [];
        }
        await turnPage(head);
        continue;
      }
      // Everything of this source that comes before the next one's turn.
      const rival = heap.second();
      for (let next: StoredEvent | undefined = event; next !== undefined; next = head.page[head.index]) {
        head.position = next;
        if (rival !== undefined && before(rival, head)) break;
        out.push(next);
        head.index += 1;
      }
      const following = head.page[head.index];
      if (following !== undefined) {
        head.position = following;
        heap.sink();
      }
    }
    if (out.length > 0) yield out;
  } finally {
    await Promise.all([...open].map(async (pages) => await pages.close()));
  }

  async function turnPage(head: Head): Promise<void> {
    if (head.pages === undefined) {
      head.pages = head.source.open();
      open.add(head.pages);
    }
    head.page = await head.pages.next();
    head.index = 0;
    const [first] = head.page;
    if (first === undefined) {
      open.delete(head.pages);
      await head.pages.close();
      heap.drop();
    } else {
      head.position = first;
      heap.sink();
    }
  }
}

/** A binary heap of which only the top changes. */
function createHeap<T>(items: readonly T[], before: (one: T, other: T) => boolean) {
  const heap = [...items].sort((one, other) => (before(one, other) ? -1 : before(other, one) ? 1 : 0));
  const first = (left: number, right: number) => {
    const one = heap[left];
    const other = heap[right];
    return other !== undefined && (one === undefined || before(other, one)) ? right : left;
  };
  function sink(): void {
    for (let at = 0; ; ) {
      const child = first(2 * at + 1, 2 * at + 2);
      const one = heap[at];
      const other = heap[child];
      if (one === undefined || other === undefined || !before(other, one)) return;
      heap[at] = other;
      heap[child] = one;
      at = child;
    }
  }
  return {
    top: () => heap[0],
    /** What would be on top without the top. */
    second: () => heap[first(1, 2)],
    sink,
    drop() {
      const last = heap.pop();
      if (last !== undefined && heap.length > 0) {
        heap[0] = last;
        sink();
      }
    },
  };
}
