import { ConfigError } from '../../core/errors.js';
import type { Word } from './word.js';

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * Variables that loaders, shells, interpreters, package managers and container engines obey: they decide what a command
 * runs and where it gets it from, before the package has a say. Case does not count: it does not on Windows, nor for npm.
 */
const OBEYED = matching(
  // Where programs, their configuration and their credentials are found.
  'PATH PATHEXT HOME USERPROFILE HOMEDRIVE HOMEPATH APPDATA LOCALAPPDATA PROGRAMDATA ALLUSERSPROFILE XDG_* PREFIX',
  'DESTDIR TMPDIR TMP TEMP SYSTEMROOT SYSTEMDRIVE WINDIR PROGRAMFILES COMMONPROGRAMFILES PSMODULEPATH NETRC',
  // The loader, libc and OpenSSL.
  'LD_* DYLD_* LIBPATH SHLIB_PATH GCONV_PATH LOCPATH NLSPATH GETCONF_DIR GLIBC_TUNABLES MALLOC_* HOSTALIASES',
  'LOCALDOMAIN RES_OPTIONS RESOLV_HOST_CONF OPENSSL_*',
  // Shells.
  'SHELL COMSPEC BASH_* BASHOPTS SHELLOPTS IFS PS4 PROMPT_COMMAND CDPATH GLOBIGNORE ZDOTDIR FPATH',
  // Node and npm.
  'NODE_OPTIONS NODE_PATH NODE_REPL_* NODE_CHANNEL_* NODE_PRESERVE_* NODE_V8_COVERAGE NODE_REDIRECT_WARNINGS',
  'NODE_ICU_DATA NODE_COMPILE_CACHE NODE_TEST_CONTEXT NODE_UNIQUE_ID NODE_GYP_* ELECTRON_RUN_AS_NODE NPM_CONFIG_*',
  'NPM_EXECPATH NPM_NODE_EXECPATH NPM_LIFECYCLE_* NPM_PACKAGE_* INIT_CWD COREPACK_* NVM_* FNM_* VOLTA_* ASDF_*',
  // Python and uv. What only changes how Python prints is left to publishers.
  'PYTHON PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONEXECUTABLE PYTHONUSERBASE PYTHONINSPECT PYTHONBREAKPOINT',
  'PYTHONWARNINGS PYTHONPLATLIBDIR PYTHONPYCACHEPREFIX PYTHONCASEOK PYTHONDUMPREFS* PYTHON_PRESITE PYTHON_HISTORY',
  'UV UV_* UVX_* PIP_* PIPX_* VIRTUAL_ENV CONDA_* PYENV_*',
  // .NET, Java and other interpreters.
  'DOTNET_* COMPLUS_* CORECLR_* COR_* NUGET_* MSBUILD* JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS CLASSPATH',
  'RUBYOPT RUBYLIB GEM_HOME GEM_PATH PERL5* PERLLIB LUA_INIT* LUA_PATH* LUA_CPATH* PHPRC PHP_INI_SCAN_DIR GODEBUG',
  // Compilers, for packages that are built where they are installed.
  'CC CXX CFLAGS CXXFLAGS CPPFLAGS LDFLAGS MAKEFLAGS CARGO_HOME CARGO_BUILD_* CARGO_TARGET_* RUSTC* RUSTUP_* RUSTFLAGS',
  // Git and SSH.
  'GIT_SSH* GIT_CONFIG* GIT_EXEC_PATH GIT_ASKPASS GIT_PROXY_COMMAND GIT_EXTERNAL_DIFF GIT_EDITOR GIT_PAGER GIT_DIR',
  'GIT_SEQUENCE_EDITOR GIT_TEMPLATE_DIR GIT_WORK_TREE GIT_ALLOW_PROTOCOL GIT_SSL_* SSH_ASKPASS*',
  // Container engines.
  'DOCKER_* BUILDKIT_* CONTAINERS_* CONTAINER_HOST CONTAINER_CONNECTION CONTAINER_SSHKEY REGISTRY_AUTH_FILE',
);

/** Whom the command trusts and by what way it goes out. The caller may say so, with a value of their own. */
const TRUSTED = matching(
  'HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY NODE_EXTRA_CA_CERTS NODE_TLS_REJECT_UNAUTHORIZED NODE_USE_*',
  'SSL_CERT_FILE SSL_CERT_DIR SSLKEYLOGFILE REQUESTS_CA_BUNDLE CURL_CA_BUNDLE SSH_AUTH_SOCK JAVA_HOME',
);

/** The environment of a package. Each variable has one value. */
export class PackageEnvironment {
  readonly #values = new Map<string, string>();

  get names(): readonly string[] {
    return [...this.#values.keys()];
  }

  get values(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#values);
  }

  /** @throws {ConfigError} */
  set(name: string, value: Word, path: string): void {
    checkName(name, path);
    const { text } = value;
    const ours = value.inputAt(0, text.length) === undefined;
    if (OBEYED.test(name) || (ours && TRUSTED.test(name)))
      throw new ConfigError(
        path,
        `${name} would change how the package is run, and is not for publishers to set; if you want it, set it in \`env\` of your own configuration`,
      );
    if (text.includes('\0')) throw new ConfigError(path, 'must not hold a NUL character');
    if ((this.#values.get(name) ?? text) !== text)
      throw new ConfigError(path, `${name} has another value already`);
    this.#values.set(name, text);
  }
}

/** @throws {ConfigError} */
export function checkName(name: string, path: string): void {
  if (!NAME.test(name)) throw new ConfigError(path, 'is not a name of an environment variable');
}

/** Names apart by spaces; a star stands for any end. */
function matching(...names: string[]): RegExp {
  const patterns = names.flatMap((line) => line.split(' ')).map((name) => name.replace('*', '.*'));
  return new RegExp(`^(?:${patterns.join('|')})$`, 'i');
}
