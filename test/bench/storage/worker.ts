import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { answerAsked } from '../../support/asked-process.ts';
import { createSubject, type Mode, type Subject } from './subjects.ts';

/** A process with some of the nodes. */
export type Request =
  | { readonly type: 'start'; readonly mode: Mode; readonly nodes: number; readonly directory: string }
  | { readonly type: 'dial'; readonly plan: readonly (readonly string[])[] }
  | { readonly type: 'knows'; readonly nodes: number }
  /** Milliseconds of each, one after another. */
  | { readonly type: 'put' | 'get'; readonly node: number; readonly keys: readonly string[] }
  | { readonly type: 'stop' };

export const VALUE_BYTES = 512;

const subjects: Subject[] = [];

answerAsked(async (request: Request): Promise<unknown> => {
  switch (request.type) {
    case 'start':
      return start(request.mode, request.nodes, request.directory);
    case 'dial':
      for (const [index, subject] of subjects.entries()) await subject.dial(request.plan[index] ?? []);
      return undefined;
    case 'knows':
      return subjects.every((subject) => subject.knows(request.nodes));
    case 'put':
      return timed(request.keys, (key) => at(request.node).put(key, valueOf(key)));
    case 'get':
      return timed(request.keys, (key) => check(at(request.node), key));
    default:
      return Promise.all(subjects.map((subject) => subject.stop())).then(() => undefined);
  }
});

async function start(mode: Mode, nodes: number, directory: string): Promise<string[]> {
  for (let index = 0; index < nodes; index++) {
    const data = join(directory, `${process.pid}-${index}`);
    mkdirSync(data, { recursive: true });
    subjects.push(await createSubject(mode, data));
  }
  return subjects.map(({ address }) => address);
}

function at(node: number): Subject {
  const subject = subjects[node];
  if (subject === undefined) throw new Error(`there is no node ${node}`);
  return subject;
}

async function timed(keys: readonly string[], act: (key: string) => Promise<void>): Promise<number[]> {
  const latenciesMs: number[] = [];
  for (const key of keys) {
    const since = performance.now();
    await act(key);
    latenciesMs.push(performance.now() - since);
  }
  return latenciesMs;
}

function valueOf(key: string): Buffer {
  return Buffer.alloc(VALUE_BYTES, `${key} `);
}

async function check(subject: Subject, key: string): Promise<void> {
  const value = await subject.get(key);
  if (value === null || !valueOf(key).equals(value)) throw new Error(`${key} is not what was written`);
}
