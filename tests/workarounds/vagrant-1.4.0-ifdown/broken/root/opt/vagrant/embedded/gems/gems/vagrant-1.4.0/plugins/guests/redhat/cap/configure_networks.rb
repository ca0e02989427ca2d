def self.configure_networks(machine, networks)
  networks.each do |network|
    machine.communicate.sudo("/sbin/ifdown eth#{network[:interface]} 2> /dev/null")
    machine.communicate.sudo("touch ifcfg-eth#{network[:interface]}")
  end

  interfaces.each do |interface|
    retryable(:on => Vagrant::Errors::VagrantError, :tries => 3, :sleep => 2) do
      machine.communicate.sudo("/sbin/ifdown eth#{interface} 2> /dev/null", :error_check => false)
      machine.communicate.sudo("/sbin/ifup eth#{interface} 2> /dev/null")
    end
  end
end
