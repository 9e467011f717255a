import { execFileSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';

export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** A key and a certificate for it, signed by itself, in files as an operator has them. */
export function makeCertificate(
  directory: string,
  name: string,
  { hasEnded = false, commonName = 'localhost' } = {},
): CertificateFiles {
  const files = { cert: join(directory, `${name}.crt`), key: join(directory, `${name}.key`) };
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc'];
  const names = ['-subj', `/CN=${commonName}`, '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const out = ['-keyout', files.key, '-out', files.cert];
  execFileSync('openssl', ['req', '-x509', ...curve, ...names, ...out], { stdio: 'ignore' });
  if (hasEnded) {
    // only this command takes a time that is past
    const ended = ['-days', '-1', '-in', files.cert, '-signkey', files.key, '-out', files.cert];
    execFileSync('openssl', ['x509', ...ended], { stdio: 'ignore' });
  }
  chmodSync(files.key, 0o600);
  return files;
}
