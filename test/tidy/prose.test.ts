/** The part of the project's language that a program can check: shared rules are in CONTRIBUTING.md. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT, readSources } from '../support/sources.ts';

const SUBJECT_MAX = 72;
/** Commits that are looked at: those of a branch under review. */
const COMMITS = 50;
/** A sentence names its actor; these begin one without. A question may. */
const HEADLESS = /(?:^|[.!?] )((?:Who|What|Whoever|Whatever|Whose|Whom|Of)\b[^.?!]*(?:\?|[.!]|$))/g;

/** Sentences of a paragraph that begin so, without questions. */
function headless(paragraph: string): string[] {
  const text = paragraph.replaceAll(/\s+/g, ' ').trim();
  return [...text.matchAll(HEADLESS)]
    .map(([, sentence = '']) => sentence)
    .filter((one) => !one.endsWith('?'));
}

/** Paragraphs of the comments of a file. */
function commentsOf(text: string): string[] {
  const comments = [...text.matchAll(/\/\*\*?([\s\S]*?)\*\/|((?:^[ \t]*\/\/.*\n?)+)/gm)];
  return comments.flatMap(([, block, lines = '']) => {
    const body = block?.replaceAll(/\n\s*\* ?/g, '\n') ?? lines.replaceAll(/^\s*\/\/ ?/gm, '');
    return body.split(/\n\s*\n|\n(?=- )/);
  });
}

/** Paragraphs, items and table cells of a document, without its code. */
function paragraphsOf(markdown: string): string[] {
  const prose = markdown.replaceAll(/^ *```[\s\S]*?^ *```$/gm, '').replaceAll(/[*_`]/g, '');
  return prose
    .split(/\n\s*\n|\n(?=\s*[-|#]|\s*\d+\.)/)
    .map((part) => part.replace(/^\s*(?:[-#>]+|\d+\.)\s*/, ''))
    .flatMap((part) => (part.includes('|') ? part.split('|') : [part]));
}

test('sentences are found that name no actor, and questions are let pass', () => {
  assert.deepEqual(headless('What is left is removed. Who asks? A peer asks. Of these one stays.'), [
    'What is left is removed.',
    'Of these one stays.',
  ]);
  const comments = commentsOf(
    "/** A node.\n *\n * What it does. */\nconst a = 'Of what'; // no\n  // Who asks\n",
  );
  assert.deepEqual(comments.flatMap(headless), ['What it does.', 'Who asks']);
  const markdown = 'A line.\n\n```sh\nWhat\n```\n\n- Of an item\n\n| a | Who it is |\n';
  assert.deepEqual(paragraphsOf(markdown).flatMap(headless), ['Of an item', 'Who it is']);
});

test('no sentence of a comment or a document begins without its actor', () => {
  const comments = readSources().flatMap(({ path, text }) =>
    commentsOf(text)
      .flatMap(headless)
      .map((sentence) => `${path}: ${sentence}`),
  );
  const documents = globSync('**/*.md', { cwd: ROOT, exclude: (path) => /^(node_modules|data)$/.test(path) });
  const sentences = documents.flatMap((path) =>
    paragraphsOf(readFileSync(join(ROOT, path), 'utf8'))
      .flatMap(headless)
      .map((sentence) => `${path}: ${sentence}`),
  );
  assert.ok(documents.length > 10);
  assert.deepEqual([...comments, ...sentences], []);
});

test('no two classes of the product share a name', () => {
  const places = new Map<string, string[]>();
  for (const { path, text } of readSources().filter(({ path }) => /^(node|gateway|protocols)\//.test(path))) {
    for (const [, name = ''] of text.matchAll(/^export (?:abstract )?class (\w+)/gm)) {
      places.set(name, [...(places.get(name) ?? []), path]);
    }
  }
  assert.ok(places.size > 100);
  assert.deepEqual(
    [...places].filter(([, paths]) => paths.length > 1),
    [],
  );
});

test('subjects of commits are short', (t) => {
  if (!existsSync(join(ROOT, '.git'))) return t.skip('this is no checkout: there are no commits to look at');
  const log = ['log', `-${COMMITS}`, '--no-merges', '--format=%s'];
  const subjects = execFileSync('git', log, { cwd: ROOT, encoding: 'utf8' }).split('\n').filter(Boolean);
  assert.ok(subjects.length > 0);
  // a commit cannot be changed once it is pushed: this is said, and fails nothing
  for (const subject of subjects) {
    if (subject.length > SUBJECT_MAX) t.diagnostic(`${subject.length} characters: ${subject}`);
  }
});
