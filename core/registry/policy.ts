/** Repository and registry policies: what other accounts may do, and what nobody may. */
import type { RegistryPrincipal } from './tokens.ts';

export type Decision = 'allow' | 'deny' | 'none';

export interface Statement {
  readonly Effect: 'Allow' | 'Deny';
  readonly Principal?: unknown;
  readonly NotPrincipal?: unknown;
  readonly Action?: string | readonly string[];
  readonly NotAction?: string | readonly string[];
  readonly Resource?: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

export interface AccessRequest {
  readonly principal: Pick<RegistryPrincipal, 'accountId' | 'arn'>;
  /** For example `ecr:PutImage`. */
  readonly action: string;
  /** ARN. */
  readonly resource: string;
}

/** @throws Error with a sentence for the caller when the text is no policy */
export function parsePolicy(text: string): readonly Statement[] {
  const policy: unknown = JSON.parse(text);
  if (!isObject(policy)) throw new Error('A policy is a JSON object.');
  const list = Array.isArray(policy.Statement) ? policy.Statement : [policy.Statement];
  for (const statement of list) {
    if (!isObject(statement)) throw new Error('A policy has statements.');
    const { Effect, Principal, NotPrincipal, Action, NotAction } = statement;
    if (Effect !== 'Allow' && Effect !== 'Deny') throw new Error('The Effect of a statement is Allow or Deny.');
    if ((Principal === undefined) === (NotPrincipal === undefined)) throw new Error('A statement has one Principal.');
    if (Action === undefined && NotAction === undefined) throw new Error('A statement has an Action.');
    if (!isTexts(Action ?? NotAction)) throw new Error('Actions are strings.');
    if (statement.Condition !== undefined && !isObject(statement.Condition))
      throw new Error('A Condition is an object.');
  }
  return list as Statement[];
}

const principalKinds: readonly string[] = ['AWS', 'CanonicalUser', 'Federated', 'Service'];

/**
 * What a policy that is put must satisfy besides. One that is there already is not measured by it: what it names in vain
 * concerns nobody.
 * @throws Error with a sentence for the caller
 */
export function checkNewPolicy(text: string): void {
  for (const { Principal, NotPrincipal, Action, NotAction } of parsePolicy(text)) {
    const foreign = texts(Action ?? NotAction).find((action) => !/^(\*|ecr:[\w*?]+)$/i.test(action));
    if (foreign !== undefined) throw new Error(`${foreign} is not an action of ECR.`);
    checkPrincipal(Principal ?? NotPrincipal);
  }
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html */
function checkPrincipal(principal: unknown): void {
  if (principal === '*') return;
  if (!isObject(principal) || Object.keys(principal).length === 0) throw new Error('A Principal is "*" or an object.');
  for (const [kind, value] of Object.entries(principal)) {
    if (!principalKinds.includes(kind)) throw new Error(`${kind} is not a kind of Principal.`);
    if (!isTexts(value) || texts(value).length === 0) throw new Error('Principals are strings.');
    if (kind !== 'AWS') continue;
    const wrong = texts(value).find((one) => !/^(\*|\d{12}|arn:[\w-]+:(iam|sts)::\d{12}:.+)$/.test(one));
    if (wrong !== undefined) throw new Error(`${wrong} is not a principal of AWS.`);
  }
}

/** A Deny beats every Allow. */
export function evaluatePolicy(text: string, request: AccessRequest): Decision {
  let decision: Decision = 'none';
  for (const statement of parsePolicy(text)) {
    if (!concerns(statement, request)) continue;
    if (statement.Effect === 'Deny') return 'deny';
    decision = 'allow';
  }
  return decision;
}

function concerns(statement: Statement, request: AccessRequest): boolean {
  const { Principal, NotPrincipal, Action, NotAction, Resource, Condition } = statement;
  const isMeant =
    Principal === undefined ? !names(NotPrincipal, request.principal) : names(Principal, request.principal);
  const acts =
    Action === undefined
      ? !texts(NotAction).some((action) => like(action, request.action, false))
      : texts(Action).some((action) => like(action, request.action, false));
  const isThere = Resource === undefined || texts(Resource).some((one) => like(one, request.resource, true));
  if (!isMeant || !acts || !isThere) return false;
  // What is not understood must not open anything, nor leave open what it was to close.
  return holds(Condition, request) ?? statement.Effect === 'Deny';
}

function names(principal: unknown, { accountId, arn }: AccessRequest['principal']): boolean {
  if (principal === '*') return true;
  if (!isObject(principal)) return false;
  const [, , , , account, role] = /^(arn:[\w-]+):(sts)::((\d{12})):assumed-role\/([^/]+)\//.exec(arn) ?? [];
  const roleArn = role === undefined ? undefined : `arn:aws:iam::${account}:role/${role}`;
  return texts(principal.AWS).some(
    (one) =>
      one === '*' ||
      one === accountId ||
      one === arn ||
      one === roleArn ||
      (/^arn:[\w-]+:iam::\d{12}:root$/.test(one) && one.split(':')[4] === accountId),
  );
}

const operators: Readonly<Record<string, (wanted: string, value: string) => boolean>> = {
  StringEquals: (wanted, value) => wanted === value,
  StringEqualsIgnoreCase: (wanted, value) => wanted.toLowerCase() === value.toLowerCase(),
  StringLike: (wanted, value) => like(wanted, value, true),
  ArnEquals: (wanted, value) => like(wanted, value, true),
  ArnLike: (wanted, value) => like(wanted, value, true),
};

/** undefined: it asks for what Longshore does not know. */
function holds(condition: Statement['Condition'], { principal }: AccessRequest): boolean | undefined {
  const known: Readonly<Record<string, string>> = {
    'aws:principalaccount': principal.accountId,
    'aws:principalarn': principal.arn,
  };
  let all: boolean | undefined = true;
  for (const [operator, keys] of Object.entries(condition ?? {})) {
    const positive = operator.replace(/^(String|Arn)Not/, '$1');
    const test = operators[positive];
    for (const [key, wanted] of Object.entries(keys)) {
      const value = known[key.toLowerCase()];
      if (!test || value === undefined) all = all === false ? false : undefined;
      else if (texts(wanted).some((one) => test(one, value)) !== (positive === operator)) all = false;
    }
  }
  return all;
}

/** With `*` and `?`, as in IAM. Steps back to the last `*` only: no pattern takes longer than its length times the text's. */
function like(pattern: string, text: string, exact: boolean): boolean {
  const [wanted, given] = exact ? [pattern, text] : [pattern.toLowerCase(), text.toLowerCase()];
  let at = 0;
  let star = -1;
  let resume = 0;
  for (let index = 0; index < given.length; ) {
    const next = wanted[at];
    if (next === '*') {
      star = at++;
      resume = index;
    } else if (next !== undefined && (next === '?' || next === given[index])) {
      at++;
      index++;
    } else if (star >= 0) {
      at = star + 1;
      index = ++resume;
    } else return false;
  }
  return /^\**$/.test(wanted.slice(at));
}

function texts(value: unknown): readonly string[] {
  return (Array.isArray(value) ? value : [value]).filter((one): one is string => typeof one === 'string');
}

function isTexts(value: unknown): boolean {
  return (Array.isArray(value) ? value : [value]).every((one) => typeof one === 'string');
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
