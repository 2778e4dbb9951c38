import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.InternalSettingsPreparer;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.PluginsLoader;

/**
 * One Elasticsearch node, started from its jars: java TidelineSearchNode HOME CONFIG. HOME has lib/ and modules/, CONFIG
 * has elasticsearch.yml and log4j2.properties. Runs until it is told to stop, and then closes its indices first.
 */
public final class TidelineSearchNode {
    private TidelineSearchNode() {}

    public static void main(String[] arguments) throws Exception {
        LogConfigurator.registerErrorListener();
        Settings home = Settings.builder().put("path.home", arguments[0]).build();
        Environment environment =
            InternalSettingsPreparer.prepareEnvironment(home, Map.of(), Path.of(arguments[1]), () -> "tideline");
        LogConfigurator.setClusterName("tideline");
        LogConfigurator.setNodeName("tideline");
        LogConfigurator.configure(environment, true);

        PluginsLoader modules = PluginsLoader.createPluginsLoader(
            PluginsLoader.loadModulesBundles(environment.modulesDir(), false),
            PluginsLoader.loadPluginsBundles(environment.pluginsDir(), false),
            Map.of(),
            false);
        Node node = new Node(environment, modules);
        CountDownLatch closed = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                node.close();
            } catch (Exception failure) {
                failure.printStackTrace();
            } finally {
                closed.countDown();
            }
        }));
        node.start();
        closed.await();
    }
}
