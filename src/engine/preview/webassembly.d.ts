// The part of the WebAssembly interface that wasi.ts uses: TypeScript keeps it in its browser library, which a server does not load.
declare namespace WebAssembly {
  type ModuleImports = Record<string, (...values: never[]) => number>
  class Module {
    private readonly brand: unknown
  }
  class Memory {
    readonly buffer: ArrayBuffer
  }
  class Instance {
    constructor(module: Module, imports: Record<string, ModuleImports>)
    readonly exports: Record<string, unknown>
  }
  function compile(bytes: Uint8Array): Promise<Module>
}
