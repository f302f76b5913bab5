global using CallServer.Host.Cli.Output;
