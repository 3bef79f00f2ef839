/** Settings of an account, the same on all own devices. */
export interface SettingValues {
  /** Tell senders that their messages were read, and be told by others. */
  readonly 'receipts.read': boolean
  /** Tell others that the user types. */
  readonly 'typing.tell': boolean
  /** Tell accepted contacts when the user is there. */
  readonly 'presence.tell': boolean
  /** A language tag, as `en` or `es`; empty for that of the system. */
  readonly 'language': string
  readonly 'theme': 'system' | 'light' | 'dark'
}

/** Name of a setting. */
export type SettingName = keyof SettingValues

/** What counts until the user says otherwise. */
export const SETTING_DEFAULTS: SettingValues = {
  'receipts.read': true, 'typing.tell': true, 'presence.tell': true, 'language': '', 'theme': 'system',
}
