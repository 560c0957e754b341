/** Results as text. */

export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** What the reader must know to read it right. */
  readonly notes?: readonly string[];
}

export function formatTable({ title, head, rows, notes = [] }: Table): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => (row[column] ?? '').length)));
  // Names to the left, numbers to the right.
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '-'.repeat(width)).join('  ');
  return [title, '', line(head), rule, ...rows.map(line), ...notes.map((note) => `  ${note}`), ''].join('\n');
}

/** Three significant digits, as people read them: 0.0123, 1.23, 12.3, 1230. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '-';
  if (value === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 4));
}

/** A ratio and whether it meets its goal. */
export function verdict(ratio: number, goal: { readonly most: number } | { readonly least: number }): string {
  if (!Number.isFinite(ratio)) return '-';
  const met = 'most' in goal ? ratio <= goal.most : ratio >= goal.least;
  const bound = 'most' in goal ? `<= ${goal.most}` : `>= ${goal.least}`;
  return `${ratio.toFixed(2)} (${met ? 'meets' : 'misses'} ${bound})`;
}
