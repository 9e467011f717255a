/** Values that both databases have: bytes are kept as text. */
export type Value = string | number | null;
export type Row = Readonly<Record<string, Value>>;

export interface Statement {
  readonly sql: string;
  readonly args?: readonly Value[];
}

export interface Outcome {
  readonly rowsAffected: number;
}

/** A SQL database in SQLite's dialect, in the process or in a cluster. Rejects with `CodedError` `state_unavailable`. */
export interface Database {
  /** Reads what every transaction acknowledged before has left. */
  query(sql: string, args?: readonly Value[]): Promise<readonly Row[]>;
  /**
   * One transaction, on disk when the promise resolves. Where no answer comes it is sent again, so statements must come to the
   * same, also in the rows they affect, when they are executed twice. A request that claims a thing leaves its mark on it:
   * `UPDATE … SET claim = :mine WHERE claim IS NULL OR claim = :mine`.
   */
  execute(statements: readonly Statement[]): Promise<readonly Outcome[]>;
  close(): Promise<void>;
  /** Why it cannot be used now; null when the last use went well. */
  readonly fault: string | null;
}

/** State that gateways of one operator keep and may share: a database with this version's tables. */
export interface State extends Database {
  /** Brings the tables up to date. Throws `state_version` for tables of a newer version of Maillon, and `state_unavailable`. */
  prepare(): Promise<void>;
}
