import { runExperiments } from '../support/experiment.ts';
import { blobTransferBench } from './blob-transfer/bench.ts';
import { blobsBench } from './blobs/bench.ts';
import { fanoutBench } from './fanout/bench.ts';
import { gatewayBench } from './gateway-latency.ts';
import { httpBench } from './http/bench.ts';
import { identityBench } from './identity/bench.ts';
import { reconcileBench } from './reconcile/bench.ts';
import { relayBench } from './relay/bench.ts';
import { startBench } from './start.ts';
import { storageBench } from './storage/bench.ts';
import { storeBench } from './storage/store.ts';

/** `npm run bench -- NAME [--json] [--smoke]`: figures against targets; a target that is not met is said, not an error. */
process.exitCode = await runExperiments(
  [
    relayBench,
    gatewayBench,
    fanoutBench,
    startBench,
    storageBench,
    storeBench,
    identityBench,
    httpBench,
    reconcileBench,
    blobsBench,
    blobTransferBench,
  ],
  process.argv.slice(2),
  { isJudged: false },
);
