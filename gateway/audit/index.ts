/** The audit log: what happened of authentication and administration, in lines that hang together. */
export { auditDirectory, linesOf, listFiles } from './files.ts';
export type { Audit, AuditEvent } from './interface.ts';
export { type AuditLine, LINE_VERSION, parseLine } from './line.ts';
export { AuditLog, type AuditLogInit } from './log.ts';
export { type Problem, type Verified, verifyFile, verifyLog } from './verify.ts';
