#!/usr/bin/env node
// ejabberd for clients over TCP, as Debian packages it: in the folder `--home` (with usr/lib/erlang in it; `/` where it is installed), else fetched by apt-get and
// unpacked into the cache, without installing anything. `--archive` stores every message for both sides in Mnesia, its own
// default: on two cores four times as fast as its SQLite, which syncs every message. Started only when asked for.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { freePort } from '../../tools/services/free-port.mjs'
import { ejabberdHome, erlangOf } from './ejabberd-packages.mjs'
import { serve } from './serve.mjs'

const OCCUPANTS_MAX = 100_000
/**
 * Schedulers that have nothing to do sleep: by default they look for work for a while, which would count as CPU of the server. One of each kind, because
 * the peer has one core.
 */
const EMULATOR = ['+sbwt', 'none', '+sbwtdcpu', 'none', '+sbwtdio', 'none', '+S', '1:1', '+SDcpu', '1:1', '+SDio', '1', '+K', 'true', '+P', '250000']

const { values } = parseArgs({ options: { home: { type: 'string' }, archive: { type: 'boolean' } } })

await serve('ejabberd', async ({ dir, say, run, listens }) => {
  const home = values.home ?? await ejabberdHome(say)
  const { root, bin, libs } = erlangOf(home)
  const port = await freePort()
  const conf = join(dir, 'ejabberd.yml')
  // YAML is a superset of JSON.
  writeFileSync(conf, JSON.stringify(configuration(port)))
  run({
    command: join(bin, 'erlexec'),
    args: ['-noshell', '-noinput', ...EMULATOR, '-mnesia', 'dir', JSON.stringify(join(dir, 'mnesia')), '-s', 'ejabberd'],
    env: {
      ROOTDIR: root, BINDIR: bin, EMU: 'beam', PROGNAME: 'erl', HOME: dir, ERL_LIBS: libs.join(':'), LD_LIBRARY_PATH: libs.join(':'),
      EJABBERD_CONFIG_PATH: conf, EJABBERD_LOG_PATH: join(dir, 'ejabberd.log'), ERL_CRASH_DUMP_BYTES: '0',
    },
  })
  await listens(port)
  return `tcp://127.0.0.1:${port}`
})

/** No limits of rates, as every peer has it; passwords as they are, so that signing in costs nothing that is measured. */
function configuration(port) {
  return {
    hosts: ['localhost'], loglevel: 'warning',
    listen: [{ port, ip: '127.0.0.1', module: 'ejabberd_c2s', access: 'c2s', shaper: 'none', max_stanza_size: 524_288, starttls: false }],
    auth_method: 'internal', auth_password_format: 'plain', registration_timeout: 'infinity', disable_sasl_mechanisms: ['digest-md5', 'X-OAUTH2'],
    access_rules: { c2s: { allow: 'all' }, register: { allow: 'all' }, muc: { allow: 'all' } },
    modules: {
      mod_register: { access: 'register', ip_access: 'all' },
      mod_muc: {
        access: 'muc', access_create: 'muc', max_users: OCCUPANTS_MAX, history_size: 0, min_message_interval: 0, min_presence_interval: 0,
        // Nobody is told who else is in a room: a thousand followers would be a million notices.
        default_room_options: { max_users: OCCUPANTS_MAX, presence_broadcast: [], mam: values.archive === true },
      },
      ...(values.archive === true ? { mod_mam: { default: 'always', assume_mam_usage: true, request_activates_archiving: false } } : {}),
    },
  }
}
