// The smallest page that uses the SDK: what Vite makes of it is what a browser gets.
import { createClient, createLocalWallet, MemoryStore, webSystem } from '@evegram/sdk'

Object.assign(globalThis, { evegram: { createClient, createLocalWallet, MemoryStore, webSystem } })
