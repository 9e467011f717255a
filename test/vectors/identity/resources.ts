import { evmWallet, session } from '../../support/identities.ts';
import type { ResourceFields, ResourceVector, WithinVector } from './vector.ts';

const OWNER = session(7).did;
const OTHER = evmWallet(5).did;

function valid(name: string, text: string, other: Partial<ResourceFields>): ResourceVector {
  const fields = { swarm: 'maillon', owner: OWNER, namespace: 'default', actions: ['read'], prefix: '' };
  return { name, text, resource: { ...fields, ...other } };
}

function invalid(name: string, text: string): ResourceVector {
  return { name, text };
}

const base = `maillon://maillon/${OWNER}`;

function validResources(): ResourceVector[] {
  const all = ['admin', 'publish', 'read', 'sponsor', 'write'];
  const longest = `${base}/default/read/`;
  return [
    valid('all of a namespace', `${base}/default/read/`, {}),
    valid('everything', `${base}/*/admin,publish,read,sponsor,write/`, { namespace: '*', actions: all }),
    valid('of a wallet', `maillon://maillon/${OTHER}/default/read/`, { owner: OTHER }),
    valid('another swarm', `maillon://${'s'.repeat(64)}/${OWNER}/default/read/`, { swarm: 's'.repeat(64) }),
    valid('two actions', `${base}/default/publish,write/`, { actions: ['publish', 'write'] }),
    valid('a prefix', `${base}/default/read/users`, { prefix: 'users' }),
    valid('a prefix with a slash', `${base}/default/read/users%2F`, { prefix: 'users/' }),
    valid('a prefix of unreserved characters', `${base}/default/read/aZ0-._~`, { prefix: 'aZ0-._~' }),
    valid('a prefix of reserved ones', `${base}/default/read/%21%27%28%29%2A%2C%3A%25`, {
      prefix: "!'()*,:%",
    }),
    valid('a prefix that is not ASCII', `${base}/default/read/%C3%A9%F0%9F%98%80`, { prefix: 'é😀' }),
    valid('a prefix of NUL', `${base}/default/read/%00`, { prefix: '\u0000' }),
    valid('a prefix of U+FEFF', `${base}/default/read/%EF%BB%BF`, { prefix: '\uFEFF' }),
    valid('a prefix that looks escaped', `${base}/default/read/%252F`, { prefix: '%2F' }),
    valid('1 024 characters', longest + 'p'.repeat(1024 - longest.length), {
      prefix: 'p'.repeat(1024 - longest.length),
    }),
  ];
}

function invalidResources(): ResourceVector[] {
  const longest = `${base}/default/read/`;
  return [
    invalid('nothing', ''),
    invalid('another scheme', `https://maillon/${OWNER}/default/read/`),
    invalid('the scheme in capitals', `MAILLON://maillon/${OWNER}/default/read/`),
    invalid('no authority', `maillon:/maillon/${OWNER}/default/read/`),
    invalid('no prefix', `${base}/default/read`),
    invalid('a slash in the prefix', `${base}/default/read/a/b`),
    invalid('a swarm in capitals', `maillon://Maillon/${OWNER}/default/read/`),
    invalid('no swarm', `maillon:///${OWNER}/default/read/`),
    invalid('no owner', 'maillon://maillon//default/read/'),
    invalid('an owner in another spelling', `maillon://maillon/${OWNER.toUpperCase()}/default/read/`),
    invalid('an owner escaped', `maillon://maillon/${OWNER.replaceAll(':', '%3A')}/default/read/`),
    invalid('no namespace', `${base}//read/`),
    invalid('a namespace in capitals', `${base}/Default/read/`),
    invalid('two stars', `${base}/**/read/`),
    invalid('a namespace that begins with a star', `${base}/*a/read/`),
    invalid('no action', `${base}/default//`),
    invalid('an unknown action', `${base}/default/delete/`),
    invalid('an action in capitals', `${base}/default/Read/`),
    invalid('actions out of order', `${base}/default/write,read/`),
    invalid('an action twice', `${base}/default/read,read/`),
    invalid('a comma behind', `${base}/default/read,/`),
    invalid('a space between', `${base}/default/read, write/`),
    invalid('admin with a prefix', `${base}/default/admin/a`),
    invalid('admin and more with a prefix', `${base}/default/admin,read/a`),
    invalid('sponsor with a prefix', `${base}/default/sponsor,write/a`),
    invalid('an escape in small letters', `${base}/default/read/%c3%a9`),
    invalid('an escape of what needs none', `${base}/default/read/%61`),
    invalid('a reserved character as it is', `${base}/default/read/(`),
    invalid('a query', `${base}/default/read/?a`),
    invalid('a fragment', `${base}/default/read/#a`),
    invalid('a character that is not ASCII', `${base}/default/read/é`),
    invalid('half an escape', `${base}/default/read/%2`),
    invalid('an escape of half a character', `${base}/default/read/%C3`),
    invalid('an overlong escape', `${base}/default/read/%C0%AF`),
    invalid('an escaped surrogate', `${base}/default/read/%ED%A0%80`),
    invalid('a line feed', `${base}/default/read/\n`),
    invalid('a space', `${base}/default/read/ `),
    invalid('1 025 characters', longest + 'p'.repeat(1025 - longest.length)),
  ];
}

export function resourceVectors(): ResourceVector[] {
  return [...validResources(), ...invalidResources()];
}

function whole(rest: string): string {
  return rest.startsWith('maillon:') ? rest : `${base}/${rest}`;
}

function within(name: string, outer: string, inner: string, holds = true): WithinVector {
  return { name, outer: whole(outer), inner: whole(inner), within: holds };
}

export function withinVectors(): WithinVector[] {
  return [
    within('the same', 'default/read/a', 'default/read/a'),
    within('one namespace of all', '*/read/', 'default/read/'),
    within('all of all', '*/read/', '*/read/'),
    within('all of one namespace', 'default/read/', '*/read/', false),
    within('another namespace', 'default/read/', 'other/read/', false),
    within('fewer actions', 'default/publish,read/', 'default/read/'),
    within('more actions', 'default/read/', 'default/publish,read/', false),
    within('other actions', 'default/read/', 'default/write/', false),
    within('admin is no other action', 'default/admin/', 'default/write/', false),
    within('a longer prefix', 'default/read/ab', 'default/read/abc'),
    within('a shorter prefix', 'default/read/ab', 'default/read/a', false),
    within('another prefix', 'default/read/ab', 'default/read/b', false),
    within('a prefix that ends in a whole character', 'default/read/%C3%A9', 'default/read/%C3%A9%CC%81'),
    within(
      'another character that begins alike',
      'default/read/%F0%9F%98%80',
      'default/read/%F0%9F%98%81',
      false,
    ),
    within('another form of a character', 'default/read/%C3%A9', 'default/read/e%CC%81', false),
    within('another owner', 'default/read/', `maillon://maillon/${OTHER}/default/read/`, false),
    within('another swarm', 'default/read/', `maillon://other/${OWNER}/default/read/`, false),
  ];
}
