import { testSmoke } from '../support/smoke.ts';

testSmoke('test/bench/main.ts', () => undefined);
