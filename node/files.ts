/** The smallest entry point of the node: files that only their owner may read, for commands that load nothing else of it. */

export { syncDirectory, writeFileAtomic } from './disk/atomic-file.ts';
export { type DataLock, lockDataDirectory, makeDataDirectory } from './disk/data-lock.ts';
export { fileReason } from './disk/file-reason.ts';
export { protectDirectory, readPrivateFile, SECRET_MODE } from './disk/private-file.ts';
export { type RunInfo, readRunFile, removeRunFile, writeRunFile } from './disk/run-file.ts';
