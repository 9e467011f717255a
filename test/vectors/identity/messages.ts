import {
  bitcoinWallet,
  evmWallet,
  messageOf,
  type Payload,
  payloadOf,
  session,
  solanaWallet,
  type Wallet,
} from '../../support/identities.ts';
import type { MessageVector } from './vector.ts';

const SESSION = session(7);
const EVM = evmWallet(5);

function valid(name: string, wallet: Wallet, other: Partial<Payload>): MessageVector {
  const payload = payloadOf(wallet, SESSION, other);
  return { name, message: messageOf(wallet, payload), fields: { ...payload } };
}

function invalid(name: string, message: string, code = 'chain_field'): MessageVector {
  return { name, message, code };
}

/** The example of EIP-4361, by its domain line. */
function eip4361(domain: string): string {
  return [
    `${domain} wants you to sign in with your Ethereum account:`,
    '0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2',
    '',
    'I accept the ExampleOrg Terms of Service: https://example.com/tos',
    '',
    'URI: https://example.com/login',
    'Version: 1',
    'Chain ID: 1',
    'Nonce: 32891756',
    'Issued At: 2021-09-30T16:25:24Z',
    'Resources:',
    '- ipfs://bafybeiemxf5abjwjbikoz4mc3a3dla6ual3jsgpdr4cjr3oz3evfyavhwq/',
    '- https://example.com/my-web2-claim.json',
  ].join('\n');
}

function eip4361Fields(domain: string): NonNullable<MessageVector['fields']> {
  return {
    domain,
    iss: 'did:pkh:eip155:1:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2',
    aud: 'https://example.com/login',
    version: '1',
    nonce: '32891756',
    iat: '2021-09-30T16:25:24Z',
    statement: 'I accept the ExampleOrg Terms of Service: https://example.com/tos',
    resources: [
      'ipfs://bafybeiemxf5abjwjbikoz4mc3a3dla6ual3jsgpdr4cjr3oz3evfyavhwq/',
      'https://example.com/my-web2-claim.json',
    ],
  };
}

function caip122(chainId: string): string {
  return [
    'service.org wants you to sign in with your Solana account:',
    'GwAF45zjfyGzUbd3i3hXxzGeuchzEZXwpRYHZM5912F1',
    '',
    'I accept the ServiceOrg Terms of Service: https://service.org/tos',
    '',
    'URI: https://service.org/login',
    'Version: 1',
    `Chain ID: ${chainId}`,
    'Nonce: 32891757',
    'Issued At: 2021-09-30T16:25:24.000Z',
    'Resources:',
    '- ipfs://Qme7ss3ARVgxv6rXqVPiikMJ8u2NLgmgszg13pYrDKEoiu',
    '- https://example.com/my-web2-claim.json',
  ].join('\n');
}

function specifications(): MessageVector[] {
  const [example, withPort] = ['example.com', 'example.com:3388'].map((domain) => ({
    message: eip4361(domain),
    fields: eip4361Fields(domain),
  }));
  const solana = {
    ...eip4361Fields('service.org'),
    iss: 'did:pkh:solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp:GwAF45zjfyGzUbd3i3hXxzGeuchzEZXwpRYHZM5912F1',
    aud: 'https://service.org/login',
    nonce: '32891757',
    iat: '2021-09-30T16:25:24.000Z',
    statement: 'I accept the ServiceOrg Terms of Service: https://service.org/tos',
    resources: [
      'ipfs://Qme7ss3ARVgxv6rXqVPiikMJ8u2NLgmgszg13pYrDKEoiu',
      'https://example.com/my-web2-claim.json',
    ],
  };
  return [
    { name: 'EIP-4361’s example', ...(example ?? { message: '' }) },
    { name: 'EIP-4361’s example with a port', ...(withPort ?? { message: '' }) },
    invalid('EIP-4361’s example with a scheme: CAIP-74 has no field for it', eip4361('https://example.com')),
    invalid('CAIP-122’s example for Solana: its chain is 1, which is none', caip122('1')),
    {
      name: 'CAIP-122’s example for Solana with the chain as CAIP-2 has it',
      message: caip122('5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp'),
      fields: solana,
    },
  ];
}

function validMessages(): MessageVector[] {
  const all = {
    nbf: '2025-11-20T23:59:59Z',
    exp: '2025-11-22T00:00:00.001Z',
    statement: 'Let this app act for you.',
    requestId: "some-id_1.~!$&'()*+,;=:@%2F",
  };
  return [
    valid('Ethereum', EVM, {}),
    valid('Polygon', evmWallet(5, '137'), {}),
    valid('Bitcoin, P2WPKH', bitcoinWallet(5, 'p2wpkh'), {}),
    valid('Bitcoin, P2TR', bitcoinWallet(5, 'p2tr'), {}),
    valid('Solana', solanaWallet(5), {}),
    valid('every field', EVM, all),
    valid('every field, Bitcoin', bitcoinWallet(5, 'p2wpkh'), all),
    valid('every field, Solana', solanaWallet(5), all),
    valid('a time without milliseconds', EVM, { iat: '2025-11-21T00:00:00Z' }),
    valid('the first time', EVM, { iat: '1970-01-01T00:00:00Z' }),
    valid('the last time', EVM, { exp: '9999-12-31T23:59:59.999Z' }),
    valid('a leap day', EVM, { iat: '2024-02-29T00:00:00Z' }),
    valid('a nonce of 8 characters', EVM, { nonce: 'abcDEF12' }),
    valid('a nonce of 64 characters', EVM, { nonce: 'a'.repeat(64) }),
    valid('a statement that looks like fields', EVM, { statement: 'URI: x Version: 2 Resources: - y' }),
    valid('a statement of a space', EVM, { statement: ' ' }),
    valid('a statement of 512 characters', EVM, { statement: 's'.repeat(512) }),
    valid('localhost', EVM, { domain: 'localhost:3000' }),
    valid('an IPv4 address', EVM, { domain: '127.0.0.1:8080' }),
    valid('an IPv6 address', EVM, { domain: '[2001:db8::1]:8080' }),
    valid('a name with an underscore', EVM, { domain: 'a_b.example' }),
  ];
}

function field(name: string, other: Partial<Payload>, code?: string): MessageVector {
  return invalid(name, messageOf(EVM, payloadOf(EVM, SESSION, other)), code);
}

function invalidFields(): MessageVector[] {
  const domains = [
    '',
    'Example.org',
    'user@example.org',
    'https://example.org',
    'example.org/',
    'example.org:',
    'example.org:0',
    'example.org:080',
    'example.org:65536',
    '-example.org',
    'example.org.',
    'ex%61mple.org',
    'éxample.org',
    '[::1',
    '[]',
    '[1::2::3]',
    '[1:2:3:4:5:6:7]',
    '[1:2:3:4:5:6:7:8:9]',
    '[::12345]',
    '[v1.a]',
    'a'.repeat(261),
  ];
  const times = [
    '',
    '2025-11-21',
    '2025-11-21T00:00:00',
    '2025-11-21T00:00:00+00:00',
    '2025-11-21T00:00:00.0Z',
    '2025-11-21T00:00:00.000000Z',
    '2025-11-21t00:00:00z',
    '2025-11-21 00:00:00Z',
    '2025-02-29T00:00:00Z',
    '2025-13-01T00:00:00Z',
    '2025-11-21T24:00:00Z',
    '2025-11-21T23:59:60Z',
    '1969-12-31T23:59:59Z',
    '+012025-11-21T00:00:00Z',
  ];
  return [
    ...domains.map((domain) => field(`domain ${JSON.stringify(domain).slice(0, 40)}`, { domain })),
    ...times.map((iat) => field(`time ${JSON.stringify(iat)}`, { iat })),
    field('an expiry that is no time', { exp: 'never' }),
    field('a beginning that is no time', { nbf: 'now' }),
    field('version 2', { version: '2' }, 'chain_version'),
    field('a nonce of 7 characters', { nonce: 'abcDEF1' }),
    field('a nonce of 65 characters', { nonce: 'a'.repeat(65) }),
    field('a nonce with a hyphen', { nonce: 'abcd-1234' }),
    field('an empty statement', { statement: '' }),
    field('a statement of two lines', { statement: 'a\nb' }),
    field('a statement that brings its own fields', { statement: 'a\n\nURI: did:key:zx' }),
    field('a statement with a carriage return', { statement: 'a\rb' }),
    field('a statement with a line separator', { statement: 'a\u2028b' }),
    field('a statement that is not ASCII', { statement: 'Grüezi' }),
    field('a statement with quotes', { statement: 'so "called"' }),
    field('a statement with a percent sign', { statement: '100%' }),
    field('a statement of 513 characters', { statement: 's'.repeat(513) }),
    field('an empty request id', { requestId: '' }),
    field('a request id with a slash', { requestId: 'a/b' }),
    field('a request id with half an escape', { requestId: 'a%2' }),
    field('a request id of 129 characters', { requestId: 'a'.repeat(129) }),
    field('a URI that is none', { aud: 'somebody' }),
    field('a URI with a space', { aud: 'urn:a b' }),
    field('an empty list of resources', { resources: [] }),
    field('9 resources', { resources: Array.from({ length: 9 }, (_, at) => `urn:${at}`) }),
    field('a resource that is no URI', { resources: ['somebody'] }),
    field('a resource of 1 025 characters', { resources: [`urn:${'a'.repeat(1021)}`] }),
  ];
}

function invalidForms(): MessageVector[] {
  const good = messageOf(EVM, payloadOf(EVM, SESSION, { statement: 'Hello.' }));
  const lines = good.split('\n');
  const moved = (from: number, to: number): string =>
    lines
      .toSpliced(from, 1)
      .toSpliced(to, 0, lines[from] ?? '')
      .join('\n');
  return [
    invalid('nothing', ''),
    invalid('the first line alone', lines[0] ?? ''),
    invalid('a line feed behind', `${good}\n`),
    invalid('a line feed before', `\n${good}`),
    invalid('carriage returns', good.replaceAll('\n', '\r\n')),
    invalid('no empty line before the statement', lines.toSpliced(2, 1).join('\n')),
    invalid('no empty line behind the statement', lines.toSpliced(4, 1).join('\n')),
    invalid('one empty line instead of a statement', lines.toSpliced(2, 2).join('\n')),
    invalid('three empty lines instead of a statement', lines.toSpliced(3, 1, '').join('\n')),
    invalid('fields out of order', moved(5, 6)),
    invalid('no nonce', lines.filter((line) => !line.startsWith('Nonce')).join('\n')),
    invalid('an unknown field', lines.toSpliced(10, 0, 'Colour: red').join('\n')),
    invalid('two spaces', good.replace('Nonce: ', 'Nonce:  ')),
    invalid('another chain’s name', good.replace('Ethereum', 'Bitcoin')),
    invalid('an unknown chain', good.replace('Ethereum', 'Tezos')),
    invalid('an address in small letters', good.replace(EVM.account, EVM.account.toLowerCase())),
    invalid(
      'an address with a wrong capital',
      good.replace(EVM.account, EVM.account.toUpperCase().replace('0X', '0x')),
    ),
    invalid('a chain id with a zero before it', good.replace('Chain ID: 1', 'Chain ID: 01')),
    invalid('a resource without its dash', good.replace('- maillon', 'maillon')),
    invalid('3 000 characters', good.padEnd(3000, 'x')),
  ];
}

export function messageVectors(): MessageVector[] {
  return [...specifications(), ...validMessages(), ...invalidFields(), ...invalidForms()];
}
