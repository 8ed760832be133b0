import {parentPort, workerData} from 'node:worker_threads';
import {Libc} from './libc.ts';
import {serveWalks, type WalkerData} from './serve-walks.ts';

serveWalks(parentPort!, workerData as WalkerData, new Libc());
