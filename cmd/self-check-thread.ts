import {dlopen} from 'node:ffi';
import {parentPort, workerData} from 'node:worker_threads';
import {open} from 'lmdb';

/** What `checkStore` hands to this thread. */
export type SelfCheckThreadData = {path: string; key: string};

const {path, key} = workerData as SelfCheckThreadData;

// Experimental: a thread that did not inherit the silence would print a warning here.
dlopen('libc.so.6', {getpid: {arguments: [], return: 'i32'}}).functions.getpid();

const store = open<string, string>({path, compression: true, readOnly: true});
parentPort!.postMessage(store.get(key));
void store.close();
