/** How a command follows work of a node that takes long. */
import { CodedError } from '../../../protocols/common/errors.ts';
import { ask, type OperatorOptions } from './operator.ts';
import { ProgressLine } from './progress.ts';

const JSON_TYPE = 'application/json';

/** Reads JSON lines up to the last, which is the report. Throws what is told there. */
export async function follow<Work extends { readonly progress: unknown; readonly report: unknown }>(
  options: OperatorOptions,
  { path, body, signal }: { readonly path: string; readonly body: object; readonly signal: AbortSignal },
  describe: (progress: Work['progress']) => string,
): Promise<Work['report']> {
  const response = await ask(options, { path, body: JSON.stringify(body), type: JSON_TYPE, signal });
  const line = new ProgressLine();
  try {
    for await (const text of linesOf(response)) {
      const said = JSON.parse(text) as {
        progress?: Work['progress'];
        done?: Work['report'];
        code?: string;
        error?: string;
      };
      if (said.done !== undefined) return said.done;
      if (said.code !== undefined) throw new CodedError(said.code, said.error ?? said.code);
      if (said.progress !== undefined) line.show(describe(said.progress));
    }
  } finally {
    line.end();
  }
  throw new CodedError('broken_off', 'the node stopped before it was done');
}

async function* linesOf({ body }: Response): AsyncGenerator<string, void, undefined> {
  let rest = '';
  for await (const text of (body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}
