import {parentPort, workerData} from 'node:worker_threads';
import {Libc} from './libc.ts';
import {type LookData, serveLooks} from './serve-looks.ts';

serveLooks(parentPort!, workerData as LookData, new Libc());
