import { describe, expect, it } from 'vitest'
import { findLicenceBreaches, type LockedPackage } from '../check-licences.mjs'

const workspace = (license: string, dependencies: Record<string, string>): LockedPackage => ({ license, dependencies })
const linked = (resolved: string): LockedPackage => ({ link: true, resolved })

describe('the licence check', () => {
  it('finds a GPL package behind two others, with the way to it', () => {
    const packages = {
      'engine': workspace('Apache-2.0', { 'node-a': '1' }),
      'node_modules/@evegram/engine': linked('engine'),
      'node_modules/node-a': { license: 'MIT', dependencies: { b: '1' } },
      'node_modules/node-a/node_modules/b': { license: 'MIT', optionalDependencies: { c: '1' } },
      'node_modules/c': { license: 'GPL-3.0-only' },
    }
    expect(findLicenceBreaches({ packages })).toEqual(['engine (Apache-2.0) reaches GPL-3.0-only: engine > node-a > b > c'])
  })

  it('finds a server that imports a client', () => {
    const packages = {
      'standalone': workspace('Apache-2.0', { '@evegram/sdk': '1' }),
      'clients/sdk': workspace('GPL-3.0-only', {}),
      'node_modules/@evegram/sdk': linked('clients/sdk'),
    }
    expect(findLicenceBreaches({ packages })).toHaveLength(1)
  })

  it('lets GPL workspaces use GPL packages, and anyone a package that offers a choice', () => {
    const packages = {
      'clients/sdk': workspace('GPL-3.0-only', { c: '1' }),
      'engine': workspace('Apache-2.0', { d: '1' }),
      'node_modules/c': { license: 'AGPL-3.0' },
      'node_modules/d': { license: '(MIT OR GPL-3.0)' },
    }
    expect(findLicenceBreaches({ packages })).toEqual([])
  })

  it('finds a workspace without a licence', () => {
    expect(findLicenceBreaches({ packages: { tools: {} } })).toEqual(['tools has no license field in its package.json'])
  })
})
