import type { ConnectionEncrypter, MessageStream, SecuredConnection } from '@libp2p/interface';
import { Uint8ArrayList } from 'uint8arraylist';

/** Bytes that may gather before they are sent without waiting for the end of the turn: one full noise message. */
const COALESCE_MAX_BYTES = 60 * 1024;

/**
 * A connection encrypter whose connections send what one turn of the event loop wrote as one encrypted message
 * in one system call. Gossip writes many small frames to each peer, and each would cost an encryption and two
 * system calls: they are most of what a delivery costs. Nothing waits longer than the turn.
 */
export function coalescing<Components>(
  encrypter: (components: Components) => ConnectionEncrypter,
): (components: Components) => ConnectionEncrypter {
  return (components) => {
    const inner = encrypter(components);
    const secureInbound = inner.secureInbound.bind(inner);
    const secureOutbound = inner.secureOutbound.bind(inner);
    inner.secureInbound = async (connection, options) =>
      coalesced(await secureInbound(lean(connection), options));
    inner.secureOutbound = async (connection, options) =>
      coalesced(await secureOutbound(lean(connection), options));
    return inner;
  };
}

/**
 * Joins the pieces of a write (length and ciphertext), which the transport would hand to the system one by one.
 * Incoming data is handed on without stack traces: the decoder above says "no further frame yet" by an error that
 * it catches itself, once for every read, and capturing its stack was a tenth of a busy node's time.
 */
function lean<S extends MessageStream>(connection: S): S {
  const send = connection.send.bind(connection);
  const dispatchEvent = connection.dispatchEvent.bind(connection);
  connection.send = (data) => send(data instanceof Uint8Array ? data : data.subarray());
  connection.dispatchEvent = (event) => {
    const { stackTraceLimit } = Error;
    if (event.type === 'message') Error.stackTraceLimit = 0;
    try {
      return dispatchEvent(event);
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
  };
  return connection;
}

function coalesced<E>(secured: SecuredConnection<E>): SecuredConnection<E> {
  coalesceWrites(secured.connection);
  return secured;
}

/** Makes `stream.send` gather until the end of the turn. Closing sends what is gathered first. */
export function coalesceWrites(stream: MessageStream): void {
  const send = stream.send.bind(stream);
  const close = stream.close.bind(stream);
  let gathered = new Uint8ArrayList();
  let scheduled = false;

  const flush = (): boolean => {
    if (gathered.byteLength === 0 || stream.status !== 'open') return !stream.writableNeedsDrain;
    const data = gathered;
    gathered = new Uint8ArrayList();
    return send(data);
  };
  const flushAtTurnEnd = (): void => {
    scheduled = false;
    try {
      flush();
    } catch {
      // a stream that cannot send aborts itself and says so in its close event
    }
  };

  stream.send = (data) => {
    gathered.append(data);
    if (gathered.byteLength >= COALESCE_MAX_BYTES) return flush();
    if (!scheduled) {
      scheduled = true;
      setImmediate(flushAtTurnEnd);
    }
    return !stream.writableNeedsDrain;
  };
  stream.close = (options) => {
    flush();
    return close(options);
  };
}
