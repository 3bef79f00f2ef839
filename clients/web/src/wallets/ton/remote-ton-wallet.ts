/** A wallet of TON on another device, as the server of this page names it. */
export interface RemoteTonWallet {
  readonly name: string
  readonly bridgeUrl: string
  readonly universalUrl: string
}
