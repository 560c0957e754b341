/** The form of the generated tables: what a service's model demands beyond the types that the SDK's schemas hold. */

export interface Constraint {
  /** Absent on a number: fractions are allowed. */
  readonly integer?: 'int' | 'long';
  readonly enum?: readonly string[];
  /** Least length of a string, list or map; least value of a number. */
  readonly min?: number;
  readonly max?: number;
  /** What min and max bound; absent: the length. */
  readonly bound?: 'value';
  /** Holds over the whole string. */
  readonly pattern?: string;
  /** Name of the constraint of a list's elements or a map's values. */
  readonly element?: string;
}

export interface ConstraintTable {
  /** By the model's shape name. */
  readonly shapes: Readonly<Record<string, Constraint>>;
  /** Structure -> member -> name in `shapes`. */
  readonly members: Readonly<Record<string, Readonly<Record<string, string>>>>;
}
