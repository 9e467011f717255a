/** Forms with a file (multipart/form-data), read as they come. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Busboy, type BusboyFileStream, type BusboyInstance } from '@fastify/busboy';
import { errorMessage } from '../../../protocols/common/errors.ts';
import { GatewayError } from '../../core/errors.ts';
import {
  FORM_FIELD_MAX_BYTES,
  FORM_FIELDS_MAX,
  FORM_HEADERS_MAX,
  HEADERS_MAX_BYTES,
} from '../../core/limits.ts';

const FORM = /^multipart\/form-data[\t ]*(;|$)/i;

export interface FormFile {
  /** Empty where the form has none. */
  readonly name: string;
  readonly contentType: string;
  readonly bytes: AsyncIterable<Uint8Array>;
}

export interface FormInit<T> {
  readonly contentType: string;
  readonly source: AsyncIterable<Uint8Array>;
  /** Name of the file field. */
  readonly field: string;
  /** Takes the file to its end. */
  readonly take: (file: FormFile) => Promise<T>;
}

export interface ReadForm<T> {
  readonly taken: T;
  readonly fields: ReadonlyMap<string, string>;
}

export function isForm(contentType: string): boolean {
  return FORM.test(contentType);
}

/** Throws `bad_request` for what is no form or has no such file, and what `source` and `take` throw. */
export async function readForm<T>({ contentType, source, field, take }: FormInit<T>): Promise<ReadForm<T>> {
  const form = parserOf(contentType);
  const fields = new Map<string, string>();
  const taking: Promise<T>[] = [];
  let failure: unknown = null;
  const fail = (error: unknown): void => {
    failure ??= error;
    form.destroy();
  };
  form.on('field', (name, value, isNameCut, isValueCut) => {
    if (isNameCut || isValueCut) fail(badForm(`a field has more than ${FORM_FIELD_MAX_BYTES} bytes`));
    else fields.set(name, value);
  });
  for (const limit of ['fieldsLimit', 'filesLimit', 'partsLimit'] as const) {
    form.on(limit, () => fail(badForm(`it has more than one file, or more than ${FORM_FIELDS_MAX} fields`)));
  }
  form.on('file', (name, stream, fileName, _encoding, type) => {
    if (name !== field) {
      stream.resume();
      return;
    }
    form.once('close', () => stream.destroy());
    const taken = take({ name: fileName ?? '', contentType: type, bytes: partOf(stream) });
    taken.catch(fail);
    taking.push(taken);
  });
  try {
    await pipeline(
      checked(source, (error) => (failure ??= error)),
      form,
    );
    // found in what came last, it does not break off the parser any more
    if (failure !== null) throw failure;
  } catch (error) {
    // who takes the file has ended as well before the request is answered
    await Promise.allSettled(taking);
    throw failure ?? badForm(errorMessage(error));
  }
  const [file] = taking;
  if (file === undefined) throw badForm(`it has no file in the field ${field}`);
  return { taken: await file, fields };
}

function parserOf(contentType: string): BusboyInstance {
  const limits = {
    files: 1,
    fields: FORM_FIELDS_MAX,
    parts: FORM_FIELDS_MAX + 1,
    fieldSize: FORM_FIELD_MAX_BYTES,
    fieldNameSize: FORM_FIELD_MAX_BYTES,
    headerPairs: FORM_HEADERS_MAX,
    headerSize: HEADERS_MAX_BYTES,
  };
  try {
    return new Busboy({ headers: { 'content-type': contentType }, limits });
  } catch (error) {
    throw badForm(errorMessage(error));
  }
}

/** The library's errors about a part are faults of the form. */
async function* partOf(stream: BusboyFileStream): AsyncGenerator<Uint8Array, void, undefined> {
  const chunks = stream[Symbol.asyncIterator]();
  try {
    for (;;) {
      const { done, value } = await nextOf(chunks);
      if (done === true) return;
      yield value;
    }
  } finally {
    stream.destroy();
  }
}

async function nextOf(chunks: AsyncIterator<Uint8Array>): Promise<IteratorResult<Uint8Array>> {
  try {
    return await chunks.next();
  } catch (error) {
    throw badForm(errorMessage(error));
  }
}

/** The library forgets why a source failed. */
function checked(source: AsyncIterable<Uint8Array>, onFailure: (error: unknown) => void): Readable {
  const stream = Readable.from(source, { objectMode: false });
  stream.once('error', onFailure);
  return stream;
}

function badForm(reason: string): GatewayError {
  return new GatewayError('bad_request', `the body is no form with a file: ${reason}`);
}
