import { KeyError } from './errors.ts';

/** Longer than anybody types, and than what a password manager makes. */
export const PASSPHRASE_MAX_LENGTH = 1024;

const ENTER = /[\r\n]/;
const INTERRUPT = '\u0003';
const END = '\u0004';
const ERASE = new Set(['\u007f', '\b']);
const ERASE_LINE = '\u0015';
const ESCAPE = '\u001b';
const SPACE = ' ';

/** Asks on the terminal and reads a line without showing it. Throws `interrupted` on Ctrl-C and Ctrl-D. */
export async function promptSecret(question: string): Promise<string> {
  const { stdin, stderr } = process;
  // first, or what is typed at once is shown
  stdin.setRawMode(true);
  try {
    stdin.setEncoding('utf8');
    stderr.write(question);
    return await readLine(stdin);
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    stderr.write('\n');
  }
}

async function readLine(input: NodeJS.ReadStream): Promise<string> {
  const typed: string[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const interrupted = (): void => reject(new KeyError('interrupted', 'no passphrase was given'));
  const onData = (chunk: string): void => {
    // a key such as an arrow, which has no place here
    if (chunk.startsWith(ESCAPE)) return;
    const characters = Array.from(chunk);
    for (const [index, character] of characters.entries()) {
      if (ENTER.test(character)) {
        input.off('data', onData);
        input.pause();
        const rest = characters.slice(index + 1).join('');
        // what was typed ahead answers the next question
        if (rest !== '') input.unshift(rest, 'utf8');
        return resolve(typed.join(''));
      }
      if (character === INTERRUPT || character === END) return interrupted();
      edit(typed, character);
    }
  };
  input.on('data', onData);
  input.once('end', interrupted);
  input.resume();
  try {
    return await promise;
  } finally {
    input.off('data', onData);
    input.off('end', interrupted);
  }
}

function edit(typed: string[], character: string): void {
  if (ERASE.has(character)) typed.pop();
  else if (character === ERASE_LINE) typed.length = 0;
  else if (character >= SPACE && typed.length <= PASSPHRASE_MAX_LENGTH) typed.push(character);
}
