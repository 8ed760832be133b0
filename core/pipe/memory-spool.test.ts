import {MemorySpool} from './memory-spool.ts';
import {spoolContract} from './spool.contract.ts';

spoolContract('a spool in memory', bytesMax => new MemorySpool({bytesMax}));
