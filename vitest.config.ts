import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

// Tests run on the sources of every workspace, so that they need no build and a failure points at the line as written.
export default defineConfig({
  resolve: {
    alias: [
      { find: '@evegram/protocol/proof', replacement: source('protocol/src/proof/index.ts') },
      { find: '@evegram/protocol', replacement: source('protocol/src/index.ts') },
      { find: '@evegram/platform/cassandra', replacement: source('platform/src/adapters/cassandra/index.ts') },
      { find: '@evegram/platform/nats', replacement: source('platform/src/adapters/nats/index.ts') },
      { find: '@evegram/platform/redis', replacement: source('platform/src/adapters/redis/index.ts') },
      { find: '@evegram/platform/testing', replacement: source('platform/src/testing/index.ts') },
      { find: '@evegram/platform', replacement: source('platform/src/index.ts') },
      { find: '@evegram/auth/core', replacement: source('auth/src/core.ts') },
      { find: '@evegram/auth/testing', replacement: source('auth/src/testing/index.ts') },
      { find: '@evegram/auth/redis', replacement: source('auth/src/adapters/redis/index.ts') },
      { find: '@evegram/auth/cassandra', replacement: source('auth/src/adapters/cassandra/index.ts') },
      { find: '@evegram/auth', replacement: source('auth/src/index.ts') },
      { find: '@evegram/engine/redis', replacement: source('engine/src/adapters/redis/index.ts') },
      { find: '@evegram/engine/cassandra', replacement: source('engine/src/adapters/cassandra/index.ts') },
      { find: '@evegram/engine', replacement: source('engine/src/index.ts') },
      { find: '@evegram/blobs', replacement: source('blobs/src/index.ts') },
      { find: '@evegram/wallet-bridge/postgres', replacement: source('wallet-bridge/src/ledger/postgres/index.ts') },
      { find: '@evegram/wallet-bridge/terra-devnet', replacement: source('wallet-bridge/src/chain/terra/devnet/index.ts') },
      { find: '@evegram/wallet-bridge/terra', replacement: source('wallet-bridge/src/chain/terra/index.ts') },
      { find: '@evegram/wallet-bridge/ton-devnet', replacement: source('wallet-bridge/src/chain/ton/devnet/index.ts') },
      { find: '@evegram/wallet-bridge/ton', replacement: source('wallet-bridge/src/chain/ton/index.ts') },
      { find: '@evegram/wallet-bridge/solana-devnet', replacement: source('wallet-bridge/src/chain/solana/devnet/index.ts') },
      { find: '@evegram/wallet-bridge/solana', replacement: source('wallet-bridge/src/chain/solana/index.ts') },
      { find: '@evegram/wallet-bridge', replacement: source('wallet-bridge/src/index.ts') },
      { find: '@evegram/standalone', replacement: source('standalone/src/index.ts') },
      { find: '@evegram/sdk/react', replacement: source('clients/sdk/src/react.ts') },
      { find: '@evegram/sdk/details', replacement: source('clients/sdk/src/details.ts') },
      { find: '@evegram/sdk/parts', replacement: source('clients/sdk/src/parts.ts') },
      { find: '@evegram/sdk/browser', replacement: source('clients/sdk/src/browser.ts') },
      { find: '@evegram/sdk/node', replacement: source('clients/sdk/src/node.ts') },
      { find: '@evegram/sdk', replacement: source('clients/sdk/src/index.ts') },
    ],
  },
  test: {
    include: ['{protocol,platform,auth,engine,blobs,wallet-bridge,standalone,clients/*,sim,bench,tools}/src/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // Of its own it would give up after a second, which a busy machine takes for anything.
    expect: { poll: { timeout: 20_000 } },
    // Tests of whole programs mostly wait for them: on two cores a third one finds time.
    maxWorkers: 3,
  },
})
