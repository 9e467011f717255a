import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { threadEnvironment } from '../../runtime/threads.ts';
import type { Finding, InspectorInit } from './inspection.ts';

const INSPECTOR = fileURLToPath(new URL('./inspector.ts', import.meta.url));

/** Has a process read the store's database. Rejects when it ends too early, or with the signal's reason. */
export async function inspectRecords(
  init: InspectorInit,
  { signal, onFinding }: { readonly signal: AbortSignal; readonly onFinding: (finding: Finding) => void },
): Promise<void> {
  signal.throwIfAborted();
  const child = fork(INSPECTOR, [], {
    serialization: 'advanced',
    env: threadEnvironment(),
    execArgv: [],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const kill = (): void => void child.kill('SIGKILL');
  signal.addEventListener('abort', kill, { once: true });
  let isWhole = false;
  try {
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', () => resolve());
      child.on('message', (message) => {
        const finding = message as Finding;
        isWhole ||= finding.kind === 'end' || finding.kind === 'damaged';
        onFinding(finding);
      });
      child.send(init, (error) => {
        // it ended already, which is told by its exit
        if (error !== null) kill();
      });
    });
  } finally {
    signal.removeEventListener('abort', kill);
    kill();
  }
  signal.throwIfAborted();
  if (!isWhole) throw new Error('the process that reads the records ended too early');
}
