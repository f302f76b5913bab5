module CallServer.Tests.Program

open System.Reflection

[<EntryPoint>]
let main (args: string[]) : int = Platform.run args (testsOf (Assembly.GetExecutingAssembly()))
