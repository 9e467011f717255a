import { GatewayError } from '../core/errors.ts';
import { PATTERN_MAX_STEPS } from '../core/limits.ts';
import { bad, type CharTest, type Expression, parsePattern } from './syntax.ts';

/** A state of the automaton. `next` and `other` are places in the program. */
type Step =
  | { readonly op: 'char'; readonly test: CharTest }
  | { readonly op: 'start' }
  | { readonly op: 'end' }
  | { readonly op: 'fork'; next: number; other: number }
  | { readonly op: 'match' };

/** What matching may cost, over all texts that share it. */
export interface WorkBudget {
  left: number;
}

/**
 * A regular expression that is followed in all its ways at once (Thompson 1968): the time is at most the length of the text times
 * that of the expression, whatever they are. JavaScript's own takes time that can grow exponentially.
 */
export class Pattern {
  readonly #program: readonly Step[];

  /** Throws `bad_pattern`. */
  constructor(source: string) {
    const program: Step[] = [];
    emit(program, parsePattern(source));
    add(program, { op: 'match' });
    this.#program = program;
  }

  /** Whether any part of `text` matches. Throws `too_large` when the budget is used up. */
  matches(text: string, budget: WorkBudget): boolean {
    const following = this.follow(text, budget);
    for (;;) {
      const { done, value } = following.next();
      if (done === true) return value;
    }
  }

  /** The same, with a stop after each character: who asks may let others go first. */
  *follow(text: string, budget: WorkBudget): Generator<void, boolean> {
    const chars = Array.from(text, (char) => char.codePointAt(0) ?? 0);
    let states: number[] = [];
    for (let at = 0; at <= chars.length; at += 1) {
      const place = { isStart: at === 0, isEnd: at === chars.length };
      // a match may begin anywhere, unless the expression says where
      if (at === 0 || this.#program[0]?.op !== 'start') states.push(0);
      if (states.length === 0) return false;
      const reached = this.#reach(states, place, budget);
      if (reached === 'match') return true;
      const char = chars[at] ?? 0;
      states = [];
      for (const state of reached) {
        const step = this.#program[state];
        if (step?.op === 'char' && step.test(char)) states.push(state + 1);
      }
      yield;
    }
    return false;
  }

  /** The states that can be reached without a character, each once, or that one of them is the end. */
  #reach(
    from: readonly number[],
    { isStart, isEnd }: { isStart: boolean; isEnd: boolean },
    budget: WorkBudget,
  ): readonly number[] | 'match' {
    const seen = new Set<number>();
    const open = [...from];
    for (let state = open.pop(); state !== undefined; state = open.pop()) {
      if (seen.has(state)) continue;
      seen.add(state);
      budget.left -= 1;
      if (budget.left < 0)
        throw new GatewayError('too_large', 'the scan takes too long: use a simpler expression');
      const step = this.#program[state];
      if (step?.op === 'match') return 'match';
      if (step?.op === 'fork') open.push(step.next, step.other);
      if ((step?.op === 'start' && isStart) || (step?.op === 'end' && isEnd)) open.push(state + 1);
    }
    return [...seen];
  }
}

function emit(program: Step[], expression: Expression): void {
  switch (expression.kind) {
    case 'char':
      add(program, { op: 'char', test: expression.test });
      return;
    case 'start':
    case 'end':
      add(program, { op: expression.kind });
      return;
    case 'sequence':
      for (const item of expression.items) emit(program, item);
      // even nothing takes a place: repeated often, it would be no bounded work otherwise
      if (expression.items.length === 0) addJump(program);
      return;
    case 'choice':
      emitChoice(program, expression.items);
      return;
    case 'repeat':
      emitRepeat(program, expression);
  }
}

function emitChoice(program: Step[], items: readonly Expression[]): void {
  const exits: { next: number; other: number }[] = [];
  for (const [index, item] of items.entries()) {
    const isLast = index === items.length - 1;
    const fork = isLast ? undefined : addJump(program);
    emit(program, item);
    if (fork === undefined) continue;
    exits.push(addJump(program));
    fork.other = program.length;
  }
  for (const exit of exits) exit.next = exit.other = program.length;
}

function emitRepeat(program: Step[], { item, least, most }: Extract<Expression, { kind: 'repeat' }>): void {
  for (let i = 0; i < least; i += 1) emit(program, item);
  if (most === null) {
    const at = program.length;
    const fork = addJump(program);
    emit(program, item);
    const back = addJump(program);
    back.next = back.other = at;
    fork.other = program.length;
    return;
  }
  const forks: { other: number }[] = [];
  for (let i = least; i < most; i += 1) {
    forks.push(addJump(program));
    emit(program, item);
  }
  for (const fork of forks) fork.other = program.length;
  if (most === 0) addJump(program);
}

/** Goes on behind itself until it is told where else. */
function addJump(program: Step[]): { next: number; other: number } {
  const behind = program.length + 1;
  const step = { op: 'fork' as const, next: behind, other: behind };
  add(program, step);
  return step;
}

function add(program: Step[], step: Step): void {
  if (program.length >= PATTERN_MAX_STEPS) throw bad('is too large: it repeats too much');
  program.push(step);
}
