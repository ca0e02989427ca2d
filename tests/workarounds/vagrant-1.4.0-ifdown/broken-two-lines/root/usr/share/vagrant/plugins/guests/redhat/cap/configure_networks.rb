    machine.communicate.sudo(
      "/sbin/ifdown eth#{network[:interface]} 2> /dev/null")
    # comm.sudo("/sbin/ifdown eth#{interface}")
