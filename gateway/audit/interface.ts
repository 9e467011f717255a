/** A record of authentication or administration, which shows later who did what. */
export interface AuditEvent {
  readonly event: `${'admin' | 'audit' | 'auth' | 'gateway' | 'namespace'}.${string}`;
  readonly outcome: 'ok' | 'refused';
  /** The actor: a DID, a wallet, a key's id. Never a credential. */
  readonly actor?: string | undefined;
  /** Address of the client. */
  readonly address?: string | undefined;
  readonly detail?: Readonly<Record<string, string | number | boolean | null>>;
}

export interface Audit {
  /** Why it cannot be written now; null while it can. */
  readonly fault: string | null;
  /** Resolves when it is on disk, or when that failed, which `fault` then says. Never rejects. */
  audit(event: AuditEvent): Promise<void>;
}
