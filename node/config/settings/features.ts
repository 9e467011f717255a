import { type Setting, texts } from './setting.ts';

/** Which features a node has. */
export const FEATURE_SETTINGS = [
  {
    path: 'features.off',
    schema: texts,
    default: [],
    help: 'Features that this node does without: their code is not loaded. directory (and with it storage, ipfs and members), storage (and with it ipfs), ipfs, members, backup, or one of features.paths.',
  },
  {
    path: 'features.paths',
    schema: texts,
    default: [],
    help: 'Modules of further features, which run with all rights of this node: name only code that you trust. Relative paths begin at the file that names them, or at the working directory. Their own settings are said in the file or by variables.',
  },
] as const satisfies readonly Setting[];
