export * from './index.js'
export { openBrowserClient, type BrowserClientOptions } from './browser/open-browser-client.js'
export { askToKeepStorage, storageRoom, type StorageRoom } from './browser/storage-room.js'
export { deleteIndexedDbStore, openIndexedDbStore, type IndexedDbOptions } from './store/indexeddb.js'
